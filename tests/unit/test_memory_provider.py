"""What the memory provider promises beside the contract: a limit, and forgetting."""

from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from gateway.domain.errors import Unavailable
from gateway.domain.ports import Kit
from gateway.providers.memory import Memory, MemoryOptions
from gateway.testing.making import Maker, Time, everything, scanned


def made(clock: Time, limit: int | None) -> Memory:
    return Memory(MemoryOptions(max_records=limit), Kit(name="hot", clock=clock, home=Path()))


async def test_a_full_store_refuses_the_whole_batch_and_takes_changes() -> None:
    clock = Time()
    make, provider = Maker(clock), made(clock, 3)
    records = make.records(3)
    await provider.put(records[:2])
    with pytest.raises(Unavailable) as caught:
        await provider.put([records[2], make.record()])
    assert caught.value.code == "store_full"
    assert await scanned(provider, everything(make.tenant)) == records[1::-1]
    await provider.put([records[2]])
    assert list(await provider.put([make.record(id=records[0].id, version=2)])) == [True]


async def test_what_expired_makes_room() -> None:
    clock = Time()
    make, provider = Maker(clock), made(clock, 3)
    await provider.put(make.records(3, ttl=10))
    clock.forward(seconds=11)
    assert list(await provider.put(make.records(3))) == [True] * 3


async def test_it_forgets_everything_when_it_closes() -> None:
    clock = Time()
    make, provider = Maker(clock), made(clock, None)
    async with AsyncExitStack() as stack:
        await provider.open(stack)
        await provider.put(make.records(3))
    assert await scanned(provider, everything(make.tenant)) == []
    assert await provider.count() == {}
