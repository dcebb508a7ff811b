"""The first side that answers answers: one call after another, so that a side is back as soon as it answers again.

A side that has missed a change while it was away is owed it before another one takes it. Only what says that a side is
away or too slow moves on to the next; any answer, a refusal too, is the answer. Knows no queue.
"""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Any, Final, TypeVar

import msgspec

from gateway.chain.mirrored import written
from gateway.chain.through import Through, Verb
from gateway.domain.errors import DeadlineExceeded, Unavailable
from gateway.domain.ids import Clock
from gateway.domain.outbox import Intent, Outbox
from gateway.domain.ports import Provider
from gateway.domain.record import Record
from gateway.domain.scope import Reach

Result = TypeVar("Result")

_OURS: Final = frozenset({"not_counted", "store_full", "unconfirmed"})  # answers, though they are errors of this kind


class Side(msgspec.Struct, frozen=True, kw_only=True):
    name: str  # the key of its provider
    provider: Provider


class Failover:
    """`provider` is what the routes get. `moved` is told the name of a side that did not answer. `followers` are the
    keys of what gets every change of the first side: it owes them nothing of what it does not have."""

    def __init__(
        self,
        sides: Sequence[Side],
        outbox: Outbox,
        clock: Clock,
        moved: Callable[[str], None],
        followers: Sequence[str] = (),
    ) -> None:
        self.provider: Provider = Through(self._around, self)
        self._sides = tuple(sides)
        self._outbox = outbox
        self._clock = clock
        self._moved = moved
        self._followers = tuple(followers)

    async def put(self, records: Sequence[Record]) -> Sequence[bool]:
        owed = written(records)
        return await self._write(lambda side: side.put(records), owed, None)

    async def delete(self, reach: Reach, ids: Sequence[str]) -> int:
        return await self._write(lambda side: side.delete(reach, ids), {reach: list(ids)}, self._clock())

    async def _around(self, verb: Verb, call: Callable[[Any], Awaitable[Result]]) -> Result:
        if verb == "extract":  # what a side learns is its own, and cannot be handed back as it is
            return await call(self._sides[0].provider)
        return await self._first(lambda side: call(side.provider))

    async def _first(self, ask: Callable[[Side], Awaitable[Result]]) -> Result:
        for side in self._sides[:-1]:
            try:
                return await ask(side)
            except (Unavailable, DeadlineExceeded) as error:
                if error.code in _OURS:
                    raise
                self._moved(side.name)
        return await ask(self._sides[-1])

    async def _write(
        self, write: Callable[[Provider], Awaitable[Result]], owed: dict[Reach, list[str]], at: datetime | None
    ) -> Result:
        missed: list[str] = []

        async def ask(side: Side) -> Result:
            intents = [
                Intent(source=side.name, target=name, reach=reach, ids=tuple(ids), gone=at)
                for name in ((*missed, *self._followers) if missed else ())
                if name != side.name
                for reach, ids in owed.items()
            ]
            if intents:
                await self._outbox.intend(intents)
            missed.append(side.name)
            return await write(side.provider)

        return await self._first(ask)
