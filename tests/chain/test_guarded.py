"""A backend that is away costs its own callers an error at once, is asked again in good time, and never hurts others."""

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from gateway.chain.guarded import Guard, Rules, State
from gateway.domain.errors import DeadlineExceeded, GatewayError, NotFound, Unavailable
from gateway.domain.scope import Reach

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

REACH = Reach("t", "s")


class Backend:
    """Answers as it is told: `do` is awaited at every get."""

    def __init__(self) -> None:
        self.calls = 0
        self.running = 0
        self.most = 0
        self.do: Callable[[], Awaitable[Any]] = _well

    async def get(self, *_: Any) -> list[None]:
        self.calls += 1
        self.running += 1
        self.most = max(self.most, self.running)
        try:
            await self.do()
        finally:
            self.running -= 1
        return []

    put = get


class Hand:
    """A clock that stands still."""

    def __init__(self) -> None:
        self.at = 0.0

    def __call__(self) -> float:
        return self.at


async def _well() -> None:
    await asyncio.sleep(0)


async def _away() -> None:
    raise Unavailable("away")


async def _hang() -> None:
    await asyncio.sleep(60)


async def _refuse() -> None:
    raise NotFound("nothing there")


def guarded(backend: Backend, clock: Hand | None = None, **rules: Any) -> Guard:
    async def no_pause(_seconds: float) -> None:
        await asyncio.sleep(0)

    inner: Any = backend
    return Guard(inner, Rules(**rules), "main", now=clock or Hand(), pause=no_pause)


async def codes(guard: Guard, number: int, *, write: bool = False) -> list[str]:
    async def one() -> str:
        try:
            await (guard.provider.put([]) if write else guard.provider.get(REACH, []))
        except GatewayError as error:
            return error.code
        return "ok"

    return [await one() for _ in range(number)]


async def test_it_opens_after_failures_in_a_row_and_asks_one_at_a_time() -> None:
    backend, clock = Backend(), Hand()
    guard = guarded(backend, clock, failures=3, retry=False, open_seconds=1.0)
    backend.do = _away
    assert await codes(guard, 5) == ["unavailable"] * 3 + ["breaker_open"] * 2
    assert (backend.calls, guard.state, guard.opened) == (3, State.OPEN, 1)
    clock.at = 1.1
    assert await codes(guard, 2) == ["unavailable", "breaker_open"]
    assert backend.calls == 4
    clock.at = 2.2  # twice as long now
    assert await codes(guard, 1) == ["breaker_open"]
    backend.do = _well
    clock.at = 3.2
    assert await codes(guard, 3) == ["ok"] * 3
    assert guard.state is State.CLOSED


async def test_while_one_call_asks_the_others_are_refused() -> None:
    backend, clock = Backend(), Hand()
    guard = guarded(backend, clock, failures=1, retry=False)
    backend.do = _away
    await codes(guard, 1)
    clock.at = 5.0
    gate = asyncio.Event()
    backend.do = gate.wait
    asking = asyncio.create_task(guard.provider.get(REACH, []))
    await asyncio.sleep(0.01)
    assert guard.state is State.ASKING
    assert await codes(guard, 3) == ["breaker_open"] * 3
    gate.set()
    await asking
    assert guard.state is State.CLOSED


async def test_a_caller_that_gives_up_while_asking_lets_the_next_one_ask() -> None:
    backend, clock = Backend(), Hand()
    guard = guarded(backend, clock, failures=1, retry=False)
    backend.do = _away
    await codes(guard, 1)
    clock.at = 5.0
    backend.do = _hang
    asking = asyncio.create_task(guard.provider.get(REACH, []))
    await asyncio.sleep(0.01)
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)
    backend.do = _well
    assert await codes(guard, 1) == ["ok"]


async def test_a_burst_that_fails_together_opens_once_and_does_not_prolong() -> None:
    backend, clock = Backend(), Hand()
    guard = guarded(backend, clock, failures=3, retry=False, open_seconds=1.0)
    gate = asyncio.Event()

    async def fail_together() -> None:
        await gate.wait()
        raise Unavailable("away")

    backend.do = fail_together
    burst = [asyncio.create_task(guard.provider.get(REACH, [])) for _ in range(40)]
    await asyncio.sleep(0.01)
    gate.set()
    await asyncio.gather(*burst, return_exceptions=True)
    backend.do = _well
    clock.at = 1.1
    assert (await codes(guard, 1), guard.opened) == (["ok"], 1)


async def test_a_refusal_is_an_answer() -> None:
    backend = Backend()
    guard = guarded(backend, failures=2)
    backend.do = _refuse
    assert await codes(guard, 10) == ["not_found"] * 10
    assert (backend.calls, guard.state) == (10, State.CLOSED)


async def test_reads_are_tried_again_and_writes_are_not() -> None:
    backend = Backend()
    guard = guarded(backend, failures=100)
    backend.do = _away
    await codes(guard, 3)
    assert (backend.calls, guard.retried) == (6, 3)
    await codes(guard, 3, write=True)
    assert (backend.calls, guard.retried) == (9, 3)


async def test_retries_keep_to_their_share() -> None:
    backend = Backend()
    guard = guarded(backend, failures=10_000, retry_floor=3, retry_share=0.2)
    most = 0

    async def slow_failure() -> None:
        nonlocal most
        most = max(most, guard.retrying)
        await asyncio.sleep(0.001)
        raise Unavailable("away")

    backend.do = slow_failure
    await asyncio.gather(*(guard.provider.get(REACH, []) for _ in range(100)), return_exceptions=True)
    assert most <= 20
    assert guard.retried < 50
    unbounded = guarded(backend, failures=10_000, retry_share=1000.0)
    await asyncio.gather(*(unbounded.provider.get(REACH, []) for _ in range(100)), return_exceptions=True)
    assert unbounded.retried > 90  # what the share prevents


async def test_what_hangs_ends_in_time_and_holds_no_more_than_its_slots() -> None:
    backend = Backend()
    guard = guarded(backend, timeout=0.05, max_concurrent=4, max_waiting=8, failures=1000, retry=False)
    backend.do = _hang
    began = asyncio.get_running_loop().time()
    ended = await asyncio.gather(*(guard.provider.get(REACH, []) for _ in range(30)), return_exceptions=True)
    assert asyncio.get_running_loop().time() - began < 2.0
    told = [each.code for each in ended if isinstance(each, GatewayError)]
    assert (told.count("provider_timeout"), told.count("overloaded")) == (12, 18)
    assert backend.most == 4
    assert (guard.running, guard.waiting) == (0, 0)
    backend.do = _well
    assert await codes(guard, 4) == ["ok"] * 4


async def test_without_a_limit_it_would_hang() -> None:
    backend = Backend()
    guard = guarded(backend, timeout=0.0, retry=False)
    backend.do = _hang
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1):
            await guard.provider.get(REACH, [])
    with pytest.raises(DeadlineExceeded):
        await guarded(backend, timeout=0.05, retry=False).provider.get(REACH, [])
