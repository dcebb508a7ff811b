"""The first side that answers answers: one call after another, so that a side is back as soon as it answers again.

A side that has missed a change while it was away is owed it before another one takes it. Only what says that a side is
away or too slow moves on to the next; any answer, a refusal too, is the answer. Knows no queue.
"""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Any, Final, TypeVar, cast

import msgspec

from gateway.chain.mirrored import written
from gateway.chain.through import Through, Verb
from gateway.domain.errors import DeadlineExceeded, Unavailable
from gateway.domain.ids import Clock
from gateway.domain.outbox import Intent, Outbox
from gateway.domain.ports import Provider, Replaces
from gateway.domain.record import Record
from gateway.domain.scope import Reach

Result = TypeVar("Result")

_OURS: Final = frozenset(
    {"not_counted", "not_owed", "store_full", "unconfirmed"}
)  # answers, though they are errors of this kind


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
        now: Clock,
        moved: Callable[[str], None],
        followers: Sequence[str] = (),
    ) -> None:
        """`now` gives times that are later than those of all records made before: the deletions' own."""
        self.provider: Provider = Through(self._around, self)
        self._sides = tuple(sides)
        self._outbox = outbox
        self._now = now
        self._moved = moved
        self._followers = tuple(followers)

    async def put(self, records: Sequence[Record]) -> Sequence[bool]:
        return await self._write(lambda side: side.put(records), written(records), None)

    async def replace(self, records: Sequence[Record], beside: Sequence[Record] = ()) -> Sequence[bool]:
        return await self._write(
            lambda side: cast("Replaces", side).replace(records, beside), written([*records, *beside]), None
        )

    async def delete(self, reach: Reach, ids: Sequence[str]) -> int:
        return await self._write(lambda side: side.delete(reach, ids), {reach: list(ids)}, self._now())

    async def _around(self, verb: Verb, call: Callable[[Any], Awaitable[Result]]) -> Result:
        if verb == "extract":  # what a side learns is its own, and cannot be handed back as it is
            return await call(self._sides[0].provider)
        for side in self._sides[:-1]:
            try:
                return await call(side.provider)
            except (Unavailable, DeadlineExceeded) as error:
                self._move_on(side, error)
        return await call(self._sides[-1].provider)

    async def _write(
        self, write: Callable[[Provider], Awaitable[Result]], changed: dict[Reach, list[str]], at: datetime | None
    ) -> Result:
        missed: list[str] = []
        for side in self._sides[:-1]:
            try:
                return await self._on(side, write, self._owed(side, missed, changed, at))
            except (Unavailable, DeadlineExceeded) as error:
                self._move_on(side, error)
                missed.append(side.name)
        side = self._sides[-1]
        return await self._on(side, write, self._owed(side, missed, changed, at))

    async def _on(self, side: Side, write: Callable[[Provider], Awaitable[Result]], owed: Sequence[Intent]) -> Result:
        if owed:
            try:
                await self._outbox.intend(owed)
            except Unavailable as error:
                raise Unavailable(error.detail, code="not_owed") from error  # no side may take it then
        try:
            return await write(side.provider)
        finally:
            if owed:  # what a side did not answer to may still be under way there
                self._outbox.settled(owed, again=True)

    def _owed(
        self, side: Side, missed: Sequence[str], changed: dict[Reach, list[str]], at: datetime | None
    ) -> list[Intent]:
        """From this side to all that must have it; nothing where the first side takes it."""
        targets = dict.fromkeys((*missed, *self._followers)) if missed else {}
        return [
            Intent(source=side.name, target=name, reach=reach, ids=tuple(ids), gone=at)
            for name in targets
            if name != side.name
            for reach, ids in changed.items()
        ]

    def _move_on(self, side: Side, error: Unavailable | DeadlineExceeded) -> None:
        if error.code in _OURS:
            raise error
        self._moved(side.name)
