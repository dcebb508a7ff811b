"""What a running gateway has to know of its background work: that it is ready before it is needed, and ends in time.

Whoever does the work stands above; nothing here knows what it is.
"""

from collections.abc import Mapping, Sequence
from typing import Protocol

import msgspec

from gateway.config.compiled import Config


class Sum(msgspec.Struct, frozen=True, kw_only=True):
    """All jobs of one state; `oldest` in seconds."""

    jobs: int
    records: int
    oldest: float


class Listed(msgspec.Struct, frozen=True, kw_only=True):
    """How one job stands. `age` and `due` in seconds from now; `reason` is why its last attempt failed."""

    id: str
    kind: str
    source: str
    target: str
    records: int
    attempts: int
    age: float
    due: float
    state: str
    reason: str


class Queue(Protocol):
    async def prepare(self, config: Config) -> None:
        """Before this configuration serves; Misconfigured where what it needs cannot be had."""
        ...

    async def sums(self) -> Mapping[str, Sum]:
        """How much there is to do, by state; Unavailable where that cannot be told."""
        ...

    async def listed(self, *, dead: bool) -> Sequence[Listed]:
        """The jobs, oldest first; with `dead`, those that are given up. Unavailable where that cannot be told."""
        ...

    async def stop(self) -> None:
        """Ends what is under way, and loses nothing. Idempotent."""
        ...


class Background(Queue, Protocol):
    async def unconfirmed(self) -> int:
        """Erasures that some target has not confirmed yet; Unavailable where that cannot be told."""
        ...


class Beside(Protocol):
    """Work that is no queue of jobs."""

    async def prepare(self, config: Config) -> None: ...

    async def unconfirmed(self) -> int: ...

    async def stop(self) -> None: ...


class Together:
    """The jobs, and what else is done in the background, as one Background. Stops in the other order."""

    def __init__(self, jobs: Queue, others: Sequence[Beside]) -> None:
        self._jobs = jobs
        self._others = tuple(others)

    async def prepare(self, config: Config) -> None:
        for each in (self._jobs, *self._others):
            await each.prepare(config)

    async def sums(self) -> Mapping[str, Sum]:
        return await self._jobs.sums()

    async def listed(self, *, dead: bool) -> Sequence[Listed]:
        return await self._jobs.listed(dead=dead)

    async def unconfirmed(self) -> int:
        return sum([await each.unconfirmed() for each in self._others])

    async def stop(self) -> None:
        for each in (*reversed(self._others), self._jobs):
            await each.stop()
