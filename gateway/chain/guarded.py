"""What stands before a backend for all routes that use it: a time limit, a bound on calls at once, a breaker, retries.

A backend that hangs or fails costs its own routes an error at once and nobody else anything: its calls do not pile up,
and after a few failures in a row it is left alone, but for one call at a time that asks whether it is back. Only reads
are tried again, and never more of them than a share of what is under way. Knows no backend and no route.
"""

import asyncio
import math
from collections.abc import Awaitable, Callable
from enum import StrEnum
from typing import Any, Final, TypeVar

import msgspec

from gateway.chain.through import WRITES, Through, Verb
from gateway.domain.errors import DeadlineExceeded, Unavailable
from gateway.domain.ports import Provider

Result = TypeVar("Result")

_UNTIMED: Final[frozenset[Verb]] = frozenset({"extract", "sweep"})  # as long as the backend's own limits say
_PAUSE: Final = 0.02  # before a second attempt
_GROWTH: Final = 2.0  # how much longer a backend is left alone after each call that found it still away


class Rules(msgspec.Struct, frozen=True, kw_only=True):
    """Seconds and numbers of calls. `timeout` 0 means no limit."""

    timeout: float = 10.0
    max_concurrent: int = 128
    max_waiting: int = 256
    failures: int = 5  # in a row, until it is left alone
    open_seconds: float = 1.0  # for how long at first
    max_open_seconds: float = 30.0
    retry: bool = True  # a failed read, once
    retry_share: float = 0.2  # of the calls under way
    retry_floor: int = 3


class State(StrEnum):
    CLOSED = "closed"
    OPEN = "open"
    ASKING = "asking"  # one call is finding out


class Guard:
    """`provider` is what the routes get. `now` is a monotonic clock, `pause` waits between attempts."""

    def __init__(
        self,
        inner: Provider,
        rules: Rules,
        name: str,
        *,
        now: Callable[[], float],
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.provider: Provider = Through(self._around)
        self.inner = inner
        self.stand_in: Provider | None = None  # while it is there, it is called in the backend's place
        self._rules = rules
        self._name = name
        self._now = now
        self._pause = pause
        self._slots = asyncio.Semaphore(rules.max_concurrent)
        self._failed = 0
        self._open_until = 0.0
        self._open_for = rules.open_seconds
        self._asking = False
        self.running = 0
        self.waiting = 0
        self.retrying = 0
        self.opened = 0  # how often the breaker has opened
        self.refused = 0  # calls that were not made
        self.retried = 0

    @property
    def state(self) -> State:
        if self._failed < self._rules.failures:
            return State.CLOSED
        return State.ASKING if self._asking else State.OPEN

    def late(self) -> None:
        """A caller has given a call up because its own time for it was over: as good as no answer."""
        self._failure(asking=self._failed >= self._rules.failures and not self._asking)

    async def _around(self, verb: Verb, call: Callable[[Any], Awaitable[Result]]) -> Result:
        try:
            return await self._once(verb, call)
        except (Unavailable, DeadlineExceeded) as error:
            if verb in WRITES or not self._may_retry(error):
                raise  # what took all its time has none left for a second attempt
        self.retrying += 1
        self.retried += 1
        try:
            await self._pause(_PAUSE)
            return await self._once(verb, call)
        finally:
            self.retrying -= 1

    async def _once(self, verb: Verb, call: Callable[[Any], Awaitable[Result]]) -> Result:
        asking = self._admitted()
        try:
            async with self._slot():
                if not asking and self._failed >= self._rules.failures:
                    raise self._left_alone(self._open_until - self._now())  # since it began to wait
                result = await self._timed(verb, call)
        except (Unavailable, DeadlineExceeded) as error:
            if error.code not in ("overloaded", "breaker_open"):
                self._failure(asking=asking)
            raise
        except asyncio.CancelledError:
            raise  # the caller has gone: that says nothing of the backend
        except Exception:
            self._success()  # it answered, if only with a refusal
            raise
        else:
            self._success()
            return result
        finally:
            if asking:
                self._asking = False

    def _admitted(self) -> bool:
        """Whether this call is the one that finds out; raises where the backend is left alone."""
        if self._failed < self._rules.failures:
            return False
        left = self._open_until - self._now()
        if left > 0 or self._asking:
            raise self._left_alone(left)
        self._asking = True
        return True

    def _left_alone(self, seconds: float) -> Unavailable:
        self.refused += 1
        wait = {"Retry-After": str(max(1, math.ceil(seconds)))}
        return Unavailable(f"{self._name} is away and left alone for now", code="breaker_open", headers=wait)

    def _slot(self) -> "_Slot":
        if self._slots.locked() and self.waiting >= self._rules.max_waiting:
            self.refused += 1
            raise Unavailable(
                f"{self._name} has too many calls under way", code="overloaded", headers={"Retry-After": "1"}
            )
        return _Slot(self, self._slots)

    async def _timed(self, verb: Verb, call: Callable[[Any], Awaitable[Result]]) -> Result:
        seconds = self._rules.timeout
        if not seconds or verb in _UNTIMED:
            return await call(self.stand_in or self.inner)
        try:
            async with asyncio.timeout(seconds):
                return await call(self.stand_in or self.inner)
        except TimeoutError:
            raise DeadlineExceeded(
                f"{self._name} did not answer within {seconds:g} s", code="provider_timeout"
            ) from None

    def _may_retry(self, error: Unavailable | DeadlineExceeded) -> bool:
        if not self._rules.retry or isinstance(error, DeadlineExceeded) or self.state is not State.CLOSED:
            return False
        if error.code in ("breaker_open", "overloaded"):
            return False
        return self.retrying < max(self._rules.retry_floor, self._rules.retry_share * (self.running + self.waiting))

    def _failure(self, *, asking: bool) -> None:
        """Those that were under way when it opened say nothing new."""
        if self._failed < self._rules.failures:
            self._failed += 1
            if self._failed < self._rules.failures:
                return
            self._open_for = self._rules.open_seconds
            self.opened += 1
        elif asking:
            self._open_for = min(self._open_for * _GROWTH, self._rules.max_open_seconds)
        else:
            return
        self._open_until = self._now() + self._open_for

    def _success(self) -> None:
        self._failed = 0


class _Slot:
    """One of the calls at once; told while it waits and while it runs."""

    def __init__(self, guard: Guard, slots: asyncio.Semaphore) -> None:
        self._guard = guard
        self._slots = slots

    async def __aenter__(self) -> None:
        self._guard.waiting += 1
        try:
            await self._slots.acquire()
        finally:
            self._guard.waiting -= 1
        self._guard.running += 1

    async def __aexit__(self, *_: object) -> None:
        self._guard.running -= 1
        self._slots.release()
