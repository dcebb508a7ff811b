"""What `scan` promises about order and pages: every record once, in order, whatever the limit and the position."""

from datetime import timedelta

import msgspec
import pytest

from gateway.domain.filters import Compare
from gateway.domain.ports import Order, Position, Provider, Scan, Where
from gateway.domain.record import Kind
from gateway.domain.scope import Reach
from gateway.testing.making import MEMORIES, Maker, Time, everything, pages, scanned, unit
from gateway.testing.subjects import DIMENSION, Place, Subject


@pytest.mark.parametrize("order", list(Order))
@pytest.mark.parametrize("limit", [1, 2, 3, 6, 7, 8, 1000])
async def test_pages_of_any_size_hold_every_record_once(
    limit: int, order: Order, provider: Provider, make: Maker
) -> None:
    records = make.records(7)
    await provider.put(records)
    found = await pages(provider, Reach.only(make.scope()), limit=limit, order=order)
    assert all(len(page.records) <= limit for page in found)
    expected = records if order is Order.OLDEST else records[::-1]
    assert [each for page in found for each in page.records] == expected


@pytest.mark.parametrize("order", list(Order))
async def test_records_of_one_time_stand_in_the_order_of_their_ids(
    order: Order, provider: Provider, make: Maker, clock: Time
) -> None:
    ids = ["b", "a", "B", "aa", "\u00e9", "z", "_", "-", "0", "\U0001f9e0", "\uffee"]
    await provider.put([make.record(id=id_, created_at=clock.now) for id_ in ids])
    found = await scanned(provider, Reach.only(make.scope()), limit=2, order=order)
    assert [each.id for each in found] == sorted(ids, key=str.encode, reverse=order is Order.NEWEST)


@pytest.mark.parametrize("order", list(Order))
async def test_times_differ_by_the_microsecond(order: Order, provider: Provider, make: Maker, clock: Time) -> None:
    start = clock.now.replace(microsecond=0)
    offsets = [2, 0, 1_000, 999, 1, 1_000_000, 999_999]
    await provider.put([make.record(created_at=start + timedelta(microseconds=n)) for n in offsets])
    found = await scanned(provider, Reach.only(make.scope()), limit=3, order=order)
    times = [(each.created_at - start) // timedelta(microseconds=1) for each in found]
    assert times == sorted(offsets, reverse=order is Order.NEWEST)


@pytest.mark.parametrize("order", list(Order))
async def test_any_position_is_a_place_in_the_order(order: Order, provider: Provider, make: Maker, clock: Time) -> None:
    start = clock.now
    records = [make.record(id=f"m{n}", created_at=start + timedelta(seconds=n)) for n in range(4)]
    await provider.put(records)
    second = timedelta(seconds=1)
    for at, id_ in (
        (start - second, "m0"), (start, ""), (start, "m0"), (start, "zzz"), (start + second, "m0"),
        (start + 2.5 * second, "gone"), (start + 3 * second, "m3"), (start + 4000 * second, "*"),
    ):  # fmt: skip
        found = await pages(provider, Reach.only(make.scope()), limit=2, order=order, after=Position(at, id_))
        after = [
            each for each in records
            if ((each.created_at, each.id) > (at, id_) if order is Order.OLDEST else (each.created_at, each.id) < (at, id_))
        ]  # fmt: skip
        assert [each for page in found for each in page.records] == (after if order is Order.OLDEST else after[::-1])


async def test_a_last_page_has_no_next(provider: Provider, make: Maker) -> None:
    await provider.put(make.records(4))
    first, second, *empty = await pages(provider, Reach.only(make.scope()), limit=2)
    assert len(first.records) == len(second.records) == 2
    assert all(not page.records for page in empty)
    assert (await pages(provider, Reach.only(make.scope("nobody"))))[-1].records == ()


async def test_a_filter_applies_before_the_limit(provider: Provider, make: Maker) -> None:
    wanted = [make.record(metadata={"n": 1}) for _ in range(3)]
    await provider.put(wanted)
    await provider.put(make.records(300, metadata={"n": 2}))
    where = Where(frozenset({Kind.MEMORY}), Compare("eq", 1, path=("n",)))
    assert await scanned(provider, Reach.only(make.scope()), where, limit=2) == wanted[::-1]


@pytest.mark.parametrize("order", list(Order))
async def test_a_wide_reach_is_one_order(order: Order, provider: Provider, make: Maker) -> None:
    scopes = [make.scope(user, run=run) for user in ("ann", "bob", "") for run in ("", "r1", "r2")]
    records = [make.record(scope=scopes[n % len(scopes)]) for n in range(40)]
    await provider.put(records)
    expected = records if order is Order.OLDEST else records[::-1]
    assert await scanned(provider, everything(make.tenant), limit=7, order=order) == expected
    of_ann = await scanned(provider, Reach(make.tenant, None, "ann", "", None), limit=3, order=order)
    assert of_ann == [each for each in expected if each.scope.user == "ann"]


async def test_only_the_kinds_asked_for_come_and_in_one_order(
    subject: Subject, place: Place, provider: Provider, make: Maker
) -> None:
    kinds = sorted(subject.capabilities(place).kinds)
    records = [make.record(kind=kinds[n % len(kinds)]) for n in range(3 * len(kinds))]
    await provider.put(records)
    reach = Reach.only(make.scope())
    assert await scanned(provider, reach, Where(frozenset(kinds)), limit=4) == records[::-1]
    for kind in kinds:
        found = await scanned(provider, reach, Where(frozenset({kind})), limit=2)
        assert found == [each for each in records[::-1] if each.kind is kind]
    assert await scanned(provider, reach, Where(frozenset())) == []


async def test_paging_goes_on_where_it_was_while_others_write(provider: Provider, make: Maker) -> None:
    records = make.records(6)
    reach = Reach.only(make.scope())
    await provider.put(records)
    first = await provider.scan(reach, Scan(where=MEMORIES, limit=2))
    await provider.put(make.records(3))
    await provider.delete(reach, [records[4].id, records[2].id])
    second = await provider.scan(reach, Scan(where=MEMORIES, limit=10, after=first.next))
    assert list(first.records) == [records[5], records[4]]
    assert list(second.records) == [records[3], records[1], records[0]]


async def test_vectors_come_when_they_are_asked_for(provider: Provider, make: Maker) -> None:
    record = make.record(vector=make.vector(DIMENSION))
    await provider.put([record])
    reach = Reach.only(make.scope())
    assert await scanned(provider, reach, vectors=True) == [record]
    assert [each.vector in (None, record.vector) for each in await scanned(provider, reach)] == [True]


async def test_bodies_come_unless_they_are_left_out(provider: Provider, make: Maker) -> None:
    """What a scan leaves out is the body alone, and only where it was told to."""
    record = make.record(body=b'{"a": 1}', vector=unit([1.0] * DIMENSION))
    await provider.put([record])
    for bodies in (True, False):
        page = await provider.scan(Reach.only(record.scope), Scan(where=MEMORIES, limit=1, bodies=bodies, vectors=True))
        found = page.records[0]
        assert found.body in ((record.body,) if bodies else (record.body, None))
        assert msgspec.structs.replace(found, body=record.body) == record
