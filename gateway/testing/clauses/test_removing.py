"""What `delete` promises: true counts, idempotence, nothing outside the reach, nothing left behind."""

import asyncio

import msgspec
import pytest

from gateway.domain.ports import Provider, Replaces, Scan
from gateway.domain.scope import Reach, Scope
from gateway.testing.making import MEMORIES, Maker, Time, everything, one, scanned
from gateway.testing.subjects import Subject


async def test_what_is_deleted_is_gone_from_every_read(provider: Provider, make: Maker) -> None:
    gone, kept = make.record(), make.record()
    await provider.put([gone, kept])
    assert await provider.delete(Reach.only(gone.scope), [gone.id]) == 1
    assert await one(provider, gone) is None
    assert await scanned(provider, Reach.only(gone.scope)) == [kept]


async def test_the_number_is_of_those_that_were_there(provider: Provider, make: Maker) -> None:
    records = make.records(3)
    await provider.put(records)
    ids = [records[0].id, records[1].id, records[0].id, "nothing", make.record().id]
    assert await provider.delete(Reach.only(make.scope()), ids) == 2
    assert await provider.delete(Reach.only(make.scope()), ids) == 0
    assert await provider.delete(Reach.only(make.scope()), []) == 0


async def test_what_is_outside_the_reach_stays(provider: Provider, make: Maker) -> None:
    record = make.record(scope=make.scope("ann", run="r1"))
    await provider.put([record])
    for other in (
        make.scope("bob", run="r1"), make.scope("ann"), make.scope("ann", run="r10"), make.scope("ann", run="r"),
        make.scope("ann", run="r1", space="other"), Scope(make.tenant + "0", "default", "ann", "", "r1"),
    ):  # fmt: skip
        assert await provider.delete(Reach.only(other), [record.id]) == 0
    assert await one(provider, record) == record


async def test_a_wide_reach_deletes_in_all_that_it_covers(provider: Provider, make: Maker) -> None:
    runs = [make.record(scope=make.scope("ann", run=run)) for run in ("", "r1", "r2")]
    other = make.record(scope=make.scope("bob", run="r1"))
    await provider.put([*runs, other])
    ids = [each.id for each in (*runs, other)]
    assert await provider.delete(Reach(make.tenant, "default", "ann", "", None), ids) == 3
    assert await scanned(provider, everything(make.tenant)) == [other]


async def test_a_deleted_id_may_be_written_again_at_any_version(provider: Provider, make: Maker) -> None:
    record = make.record(version=9)
    again = make.record("again", id=record.id, version=1)
    await provider.put([record])
    await provider.delete(Reach.only(record.scope), [record.id])
    assert list(await provider.put([again])) == [True]
    assert await one(provider, again) == again


async def test_a_freed_id_may_go_to_another_scope(provider: Provider, make: Maker) -> None:
    record = make.record()
    other = make.record("other", make.scope("bob"), id=record.id)
    await provider.put([record])
    await provider.delete(Reach.only(record.scope), [record.id])
    assert list(await provider.put([other])) == [True]
    assert await one(provider, record) is None
    assert await one(provider, other) == other


async def test_1037_records_are_all_deleted_by_scanning(provider: Provider, make: Maker) -> None:
    reach = Reach.only(make.scope())
    await provider.put(make.records(1000))
    await provider.put(make.records(37))
    other = make.record(scope=make.scope("bob"))
    await provider.put([other])
    deleted = 0
    while records := (await provider.scan(reach, Scan(where=MEMORIES, limit=100))).records:
        deleted += await provider.delete(reach, [each.id for each in records])
    assert deleted == 1037
    assert await scanned(provider, everything(make.tenant)) == [other]


async def test_many_ids_are_deleted_in_one_call(subject: Subject, provider: Provider, make: Maker) -> None:
    records = make.records(min(700, subject.many))
    await provider.put(records)
    assert await provider.delete(Reach.only(make.scope()), [each.id for each in records[:-1]]) == len(records) - 1
    assert await scanned(provider, Reach.only(make.scope())) == records[-1:]


@pytest.mark.needs("replaces")
async def test_what_was_deleted_is_not_replaced_and_what_is_there_is(
    provider: Provider, make: Maker, clock: Time
) -> None:
    assert isinstance(provider, Replaces)
    there, gone, never, moved = make.records(4)
    ended = make.record(ttl=5)
    await provider.put([there, gone, moved, ended])
    await provider.delete(Reach.only(gone.scope), [gone.id])
    clock.forward(seconds=6)
    newer = [
        msgspec.structs.replace(each, version=2, text="newer", expires_at=None)
        for each in (there, gone, never, moved, ended)
    ]
    newer[3] = msgspec.structs.replace(newer[3], scope=make.scope("ben"))
    assert list(await provider.replace(newer)) == [True, False, False, False, False]
    assert await one(provider, there) == newer[0]
    assert [await one(provider, each) for each in (gone, never, ended)] == [None] * 3
    assert await one(provider, moved) == moved
    assert list(await provider.replace([there, newer[0]])) == [False, False]


@pytest.mark.needs("replaces")
async def test_what_stands_beside_is_put_with_all_of_the_others_only(provider: Provider, make: Maker) -> None:
    assert isinstance(provider, Replaces)
    there, gone, note, other = make.records(4)
    await provider.put([there, gone])
    await provider.delete(Reach.only(gone.scope), [gone.id])
    newer = [msgspec.structs.replace(each, version=2, text="newer") for each in (there, gone)]
    assert list(await provider.replace(newer, [note])) == [True, False]
    assert await one(provider, note) is None
    assert list(await provider.replace([msgspec.structs.replace(there, version=3)], [note, other])) == [True]
    assert [await one(provider, each) for each in (note, other)] == [note, other]


@pytest.mark.needs("replaces")
async def test_a_deletion_and_a_replacement_in_the_same_moment_leave_nothing(provider: Provider, make: Maker) -> None:
    assert isinstance(provider, Replaces)
    records = make.records(8)
    for each in records:
        await provider.put([each])
        newer = msgspec.structs.replace(each, version=2)
        await asyncio.gather(
            provider.replace([newer]),
            provider.delete(Reach.only(each.scope), [each.id]),
            provider.replace([msgspec.structs.replace(each, version=3)]),
        )
    assert await scanned(provider, everything(make.tenant)) == []
