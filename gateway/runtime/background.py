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


def more(one: Sum | None, other: Sum) -> Sum:
    if one is None:
        return other
    oldest = max(one.oldest, other.oldest)
    return Sum(jobs=one.jobs + other.jobs, records=one.records + other.records, oldest=oldest)


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


class Background(Protocol):
    async def prepare(self, config: Config) -> None:
        """Before this configuration serves; Misconfigured where what it needs cannot be had."""
        ...

    async def sums(self) -> Mapping[str, Sum]:
        """How much there is to do, by state; Unavailable where that cannot be told."""
        ...

    async def listed(self, *, dead: bool) -> Sequence[Listed]:
        """What is still owed; with `dead`, what is given up. Unavailable where that cannot be told."""
        ...

    async def unconfirmed(self) -> int:
        """Erasures that some target has not confirmed yet; Unavailable where that cannot be told."""
        ...

    async def stop(self) -> None:
        """Ends what is under way, and loses nothing. Idempotent."""
        ...


class Together:
    """Several as one. What they owe is one list, the oldest first; they stop in the other order."""

    def __init__(self, parts: Sequence[Background]) -> None:
        self._parts = tuple(parts)

    async def prepare(self, config: Config) -> None:
        for each in self._parts:
            await each.prepare(config)

    async def sums(self) -> Mapping[str, Sum]:
        found: dict[str, Sum] = {}
        for part in self._parts:
            for state, each in (await part.sums()).items():
                found[state] = more(found.get(state), each)
        return found

    async def listed(self, *, dead: bool) -> Sequence[Listed]:
        found = [each for part in self._parts for each in await part.listed(dead=dead)]
        return sorted(found, key=lambda each: -each.age)

    async def unconfirmed(self) -> int:
        return sum([await each.unconfirmed() for each in self._parts])

    async def stop(self) -> None:
        for each in reversed(self._parts):
            await each.stop()
