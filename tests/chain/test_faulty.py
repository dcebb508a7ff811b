"""Faults come as often as they were asked for, the same with the same seed, and the links above hold against them."""

import asyncio
import random

import pytest

from gateway.chain.faulty import Faults, Faulty
from gateway.chain.fenced import Fenced
from gateway.chain.guarded import Guard, Rules, State
from gateway.domain.errors import Unavailable
from gateway.domain.ports import Provider
from gateway.domain.scope import Reach
from gateway.testing.making import MEMORIES, Maker, Time, scanned
from tests.chain.sides import Side


def faulty(side: Side, seed: int = 1, **faults: float) -> Faulty:
    return Faulty(side.provider, Faults(**faults), random.Random(seed))


async def outcomes(provider: Provider, number: int) -> str:
    async def one() -> str:
        try:
            await provider.get(Reach("t", "s"), [])
        except Unavailable:
            return "x"
        return "."

    return "".join([await one() for _ in range(number)])


async def test_errors_come_in_their_share_and_again_with_the_same_seed() -> None:
    side = Side("main", Time())
    first = await outcomes(faulty(side, errors=0.3).provider, 500)
    assert first == await outcomes(faulty(side, errors=0.3).provider, 500)
    assert first != await outcomes(faulty(side, 2, errors=0.3).provider, 500)
    assert 110 < first.count("x") < 190
    assert await outcomes(faulty(side).provider, 50) == "." * 50


async def test_an_error_comes_before_and_a_cut_after_the_backend_has_done_it() -> None:
    for link, done in ((Faults(errors=1.0), False), (Faults(cut=1.0), True)):
        clock = Time()
        side, make = Side("main", clock), Maker(clock)
        record = make.record()
        with pytest.raises(Unavailable):
            await Faulty(side.provider, link, random.Random(1)).provider.put([record])
        assert await side.holds(record) is done


async def test_what_hangs_is_ended_by_the_guard_and_slowness_adds_up() -> None:
    side = Side("main", Time())
    guard = Guard(faulty(side, hang=1.0).provider, Rules(timeout=0.05, failures=2), "main", now=lambda: 0.0)
    assert await outcomes_of(guard, 3) == ["provider_timeout", "provider_timeout", "breaker_open"]
    assert guard.state is State.OPEN
    began = asyncio.get_running_loop().time()
    await outcomes(faulty(side, latency=0.03).provider, 2)
    assert asyncio.get_running_loop().time() - began >= 0.06


async def outcomes_of(guard: Guard, number: int) -> list[str]:
    ended = [(await asyncio.gather(guard.provider.get(Reach("t", "s"), []), return_exceptions=True))[0]
             for _ in range(number)]  # fmt: skip
    return [getattr(each, "code", "ok") for each in ended]


async def test_a_fence_shows_nothing_of_a_backend_that_lies() -> None:
    clock = Time()
    side, make = Side("main", clock), Maker(clock)
    records = [make.record("tea", vector=make.vector()) for _ in range(3)]
    await side.memory.put(records)
    reach, breaches = Reach.only(records[0].scope), list[int]()
    liar = faulty(side, strange=1.0).provider
    assert len(await scanned(liar, reach)) == 3, "what a fence protects from"
    fenced = Fenced(liar, breaches.append)
    assert await scanned(fenced, reach) == []
    assert await fenced.get(reach, [record.id for record in records]) == [None] * 3
    assert await fenced.matching(reach, ["tea"], MEMORIES, 5) == []
    assert await fenced.nearest(reach, make.vector(), MEMORIES, 5) == []
    assert sum(breaches) == 12


async def test_a_dropped_write_is_acknowledged_and_not_made() -> None:
    clock = Time()
    side, make = Side("main", clock), Maker(clock)
    record, link = make.record(), faulty(side, dropped=1.0)
    assert await link.provider.put([record]) == [True]
    assert not await side.holds(record) and link.struck == 1
