"""A step's own time limit ends its calls, and the guard behind learns of it; a step without vectors gets none."""

import asyncio
from collections.abc import Callable

import pytest

from gateway.chain.bare import Bare
from gateway.chain.guarded import Guard, Rules, State
from gateway.chain.timed import timed
from gateway.domain.errors import DeadlineExceeded, Unavailable
from gateway.domain.scope import Reach
from gateway.testing.making import Maker, Time
from tests.chain.sides import Side

REACH = Reach("t", "s")


def seconds(clock: Time) -> Callable[[], float]:
    return lambda: clock().timestamp()


async def test_a_step_ends_in_its_own_time() -> None:
    side = Side("slow", Time())
    side.mood = "hangs"
    with pytest.raises(DeadlineExceeded, match=r"slow did not answer within 0\.05 s") as told:
        await timed(side.provider, "slow", 0.05).get(REACH, [])
    assert told.value.code == "provider_timeout"
    side.mood = "well"
    assert await timed(side.provider, "slow", 0.05).get(REACH, []) == []


async def test_what_a_step_has_given_up_counts_for_the_breaker_too() -> None:
    for telling in (True, False):
        side = Side("slow", Time())
        side.mood = "hangs"
        now = Time()
        guard = Guard(side.provider, Rules(timeout=10, failures=3, retry=False), "slow", now=seconds(now))
        step = timed(guard.provider, "slow", 0.02, guard.late) if telling else timed(guard.provider, "slow", 0.02)
        for _ in range(3):
            with pytest.raises(DeadlineExceeded):
                await step.get(REACH, [])
        assert guard.state is (State.OPEN if telling else State.CLOSED)
        if telling:
            with pytest.raises(Unavailable) as told:
                await step.get(REACH, [])
            assert told.value.code == "breaker_open"
            now.forward(seconds=1.1)
            with pytest.raises(DeadlineExceeded):
                await step.get(REACH, [])
            now.forward(seconds=1.1)  # left alone for twice as long
            with pytest.raises(Unavailable):
                await step.get(REACH, [])
            side.mood = "well"
            now.forward(seconds=1.0)
            assert await step.get(REACH, []) == []
            assert guard.state is State.CLOSED


async def test_those_that_waited_for_their_turn_are_refused_once_it_is_left_alone() -> None:
    side = Side("slow", Time())
    side.mood = "hangs"
    rules = Rules(timeout=0.2, max_concurrent=4, max_waiting=100, failures=3, retry=True)
    guard = Guard(side.provider, rules, "slow", now=asyncio.get_running_loop().time)
    began = asyncio.get_running_loop().time()
    ended = await asyncio.gather(*(guard.provider.get(REACH, []) for _ in range(50)), return_exceptions=True)
    assert asyncio.get_running_loop().time() - began < 1.3, "not a timeout for each four of them"
    late = [type(each) for each in ended].count(DeadlineExceeded)
    assert 4 <= late <= 6, "each of the first two that end may let one more begin, where they end apart"
    assert guard.refused == 50 - late
    assert guard.retried == 0, "what took all its time has none left for a second attempt"
    assert (guard.running, guard.waiting) == (0, 0)


async def test_a_step_that_keeps_no_vectors_gets_none() -> None:
    clock = Time()
    make, side = Maker(clock), Side("bare", clock)
    record = make.record(vector=make.vector())
    assert await Bare(side.provider).provider.put([record]) == [True]
    (kept,) = await side.memory.get(Reach.only(record.scope), [record.id])
    assert kept is not None and kept.vector is None and kept.text == record.text
    assert await Bare(side.provider).provider.get(Reach.only(record.scope), [record.id]) == [kept]
