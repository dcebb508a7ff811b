"""Faults on purpose before one provider of a running gateway, for a limited time: a rehearsal of its being away.

They stand between the guard and the backend, so that time limits, breaker, retries and what fails over are rehearsed
too. They end by themselves, with the process, and with the instance that they stand before. Decides not who may ask.
"""

import asyncio
import random
from collections.abc import Callable, Sequence
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from gateway.chain.faulty import Faults, Faulty
from gateway.chain.guarded import Guard
from gateway.domain.errors import Conflict

MOST_SECONDS: Final = 3_600.0

Share = Annotated[float, Meta(ge=0, le=1)]


class Ordeal(msgspec.Struct, frozen=True, kw_only=True):
    """`seconds` 0 ends what there is."""

    provider: str  # its key
    seconds: Annotated[float, Meta(ge=0, le=MOST_SECONDS)]
    errors: Share = 0.0
    hang: Share = 0.0
    cut: Share = 0.0
    latency: Annotated[float, Meta(ge=0, le=60)] = 0.0

    def faults(self) -> Faults:
        return Faults(errors=self.errors, hang=self.hang, cut=self.cut, latency=self.latency)


class Chaos:
    """`guards` gives the guards that stand now before the instances of a provider's key; `ended` is told when faults
    have come to their end."""

    def __init__(self, guards: Callable[[str], Sequence[Guard]], ended: Callable[[], None]) -> None:
        self._guards = guards
        self._ended = ended
        self._ends: dict[str, asyncio.TimerHandle] = {}
        self._under: dict[str, list[Guard]] = {}

    def check(self, ordeal: Ordeal) -> None:
        """Conflict where there is nothing to put faults before."""
        if ordeal.seconds and not self._guards(ordeal.provider):
            raise Conflict(
                f"no guarded provider {ordeal.provider!r} is open; give it a `guard:` where it has none",
                code="no_guard",
            )

    def begin(self, ordeal: Ordeal, seconds: float, seed: str) -> None:
        """Takes the place of what was before, for so many seconds; the same seed gives the same faults."""
        self.end(ordeal.provider)
        if seconds <= 0:
            return
        guards = self._under[ordeal.provider] = list(self._guards(ordeal.provider))
        for guard in guards:
            guard.stand_in = Faulty(guard.inner, ordeal.faults(), random.Random(seed)).provider  # noqa: S311 - no secret
        loop = asyncio.get_running_loop()
        self._ends[ordeal.provider] = loop.call_later(seconds, self.end, ordeal.provider)

    def end(self, provider: str) -> None:
        handle = self._ends.pop(provider, None)
        if handle is not None:
            handle.cancel()
        for guard in self._under.pop(provider, []):
            guard.stand_in = None
        if handle is not None:
            self._ended()

    def end_all(self) -> None:
        for provider in list(self._under):
            self.end(provider)

    def left(self) -> dict[str, float]:
        """Providers that have faults now, and for how many seconds more."""
        now = asyncio.get_running_loop().time() if self._ends else 0.0
        return {provider: round(max(0.0, handle.when() - now), 1) for provider, handle in self._ends.items()}
