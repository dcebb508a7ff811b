"""What has expired is gone for every verb, to the moment, whether or not it was removed yet."""

from datetime import timedelta

import pytest

from gateway.domain.ports import Counted, Matching, Nearest, Provider, Sweeps
from gateway.domain.record import Kind
from gateway.domain.scope import Reach
from gateway.testing.making import MEMORIES, Maker, Time, everything, one, scanned
from gateway.testing.subjects import DIMENSION

SPANS = [0.1, 0.9, 1.0, 1.5, 59.9, 60.0, 3599.5, 86_399.0, 86_400.0, 86_401.0, 30 * 86_400.0, 400 * 86_400.0]


@pytest.mark.parametrize("seconds", SPANS)
async def test_a_record_lives_exactly_as_long_as_it_was_given(
    seconds: float, provider: Provider, make: Maker, clock: Time
) -> None:
    record = make.record(ttl=seconds)
    assert record.expires_at is not None
    await provider.put([record])
    clock.now = record.expires_at - timedelta(milliseconds=50)
    assert await one(provider, record) == record
    assert await scanned(provider, Reach.only(record.scope)) == [record]
    clock.now = record.expires_at
    assert await one(provider, record) is None
    assert await scanned(provider, Reach.only(record.scope)) == []


async def test_a_record_without_an_expiry_lives_on(provider: Provider, make: Maker, clock: Time) -> None:
    record = make.record()
    await provider.put([record])
    clock.forward(days=36_500)
    assert await one(provider, record) == record


async def test_what_expired_is_not_there_to_delete(provider: Provider, make: Maker, clock: Time) -> None:
    gone, kept = make.record(ttl=10), make.record()
    await provider.put([gone, kept])
    clock.forward(seconds=11)
    assert await provider.delete(Reach.only(make.scope()), [gone.id, kept.id]) == 1


async def test_what_expired_gives_way_to_any_version(provider: Provider, make: Maker, clock: Time) -> None:
    old = make.record("old", version=9, ttl=10)
    await provider.put([old])
    clock.forward(seconds=11)
    new = make.record("new", id=old.id, version=1)
    assert list(await provider.put([new])) == [True]
    assert await one(provider, old) == new


async def test_a_later_version_may_live_longer_or_for_ever(provider: Provider, make: Maker, clock: Time) -> None:
    longer, ever = make.record(ttl=10), make.record(ttl=10)
    await provider.put([longer, ever])
    await provider.put([make.record(id=longer.id, version=2, ttl=100), make.record(id=ever.id, version=2)])
    clock.forward(seconds=50)
    assert len(await scanned(provider, Reach.only(make.scope()))) == 2
    clock.forward(seconds=60)
    assert [each.id for each in await scanned(provider, Reach.only(make.scope()))] == [ever.id]


async def test_expired_records_take_no_room_on_a_page(provider: Provider, make: Maker, clock: Time) -> None:
    kept = make.records(3)
    await provider.put(kept)
    await provider.put(make.records(50, ttl=10))
    clock.forward(seconds=11)
    assert await scanned(provider, Reach.only(make.scope()), limit=2) == kept[::-1]
    assert await scanned(provider, everything(make.tenant), limit=2) == kept[::-1]


@pytest.mark.needs("nearest")
async def test_nearest_finds_nothing_expired(provider: Provider, make: Maker, clock: Time) -> None:
    assert isinstance(provider, Nearest)
    gone, kept = make.record(ttl=10, vector=make.vector(DIMENSION)), make.record(vector=make.vector(DIMENSION))
    await provider.put([gone, kept])
    reach = Reach.only(make.scope())
    assert len(await provider.nearest(reach, gone.vector or b"", MEMORIES, 5)) == 2
    clock.forward(seconds=11)
    assert [hit.record.id for hit in await provider.nearest(reach, gone.vector or b"", MEMORIES, 5)] == [kept.id]


@pytest.mark.needs("matching")
async def test_matching_finds_nothing_expired(provider: Provider, make: Maker, clock: Time) -> None:
    assert isinstance(provider, Matching)
    gone, kept = make.record("tea", ttl=10), make.record("tea")
    await provider.put([gone, kept])
    clock.forward(seconds=11)
    found = await provider.matching(Reach.only(make.scope()), ["tea"], MEMORIES, 5)
    assert [hit.record.id for hit in found] == [kept.id]


@pytest.mark.needs("counted")
async def test_what_expired_is_not_counted(provider: Provider, make: Maker, clock: Time) -> None:
    assert isinstance(provider, Counted)
    before = (await provider.count()).get(Kind.MEMORY)
    await provider.put(make.records(4, ttl=10))
    kept = make.record("kept")
    await provider.put([kept])
    clock.forward(seconds=11)
    after = (await provider.count())[Kind.MEMORY]
    assert after.records - (before.records if before else 0) == 1
    assert after.bytes - (before.bytes if before else 0) == kept.size()


@pytest.mark.needs("sweeps")
async def test_a_sweep_removes_what_expired_and_nothing_else(provider: Provider, make: Maker, clock: Time) -> None:
    assert isinstance(provider, Sweeps)
    kept = [make.record(), make.record(ttl=1000)]
    renewed = make.record(ttl=10)
    await provider.put([*kept, renewed, *make.records(7, ttl=10)])
    renewed = make.record(id=renewed.id, version=2)
    await provider.put([renewed])
    assert await provider.sweep(100) == 0
    clock.forward(seconds=11)
    assert await provider.sweep(3) == 3
    assert await provider.sweep(100) == 4
    assert await provider.sweep(100) == 0
    assert await scanned(provider, Reach.only(make.scope())) == [renewed, *kept[::-1]]
