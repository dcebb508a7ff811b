"""The records of any number of scopes in one order, drawn only as far as somebody looks.

Each scope and kind has an order of its own in Redis; what they hold is merged here. Knows nothing of filters.
"""

from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import Final, TypeAlias

from gateway.domain.ports import Order, Position, Scan
from gateway.domain.record import Record
from gateway.domain.scope import Reach
from gateway.providers.redis.names import SESSION, Names, place, shelf_of
from gateway.providers.redis.reading import Reading
from gateway.providers.redis.wire import Argument, Wire

_MOST: Final = 500  # places or records in one answer
_SHARED: Final = 4_000  # places drawn at first, by all runs together
_DIGITS: Final = 16

Place: TypeAlias = bytes  # time and id, sorting as they do


class _Run:
    """One scope's records of one kind: the places drawn and not yet taken, and where to draw on."""

    __slots__ = ("drawn", "last", "more", "order", "tag")

    def __init__(self, tag: str, order: str, last: Place | None) -> None:
        self.tag = tag
        self.order = order
        self.drawn: list[Place] = []
        self.last = last
        self.more = True


class Walking:
    def __init__(self, wire: Wire, names: Names, reading: Reading) -> None:
        self._wire = wire
        self._names = names
        self._reading = reading

    async def walk(self, reach: Reach, scan: Scan, now: datetime) -> AsyncIterator[Sequence[Record]]:
        """Records in order from the scan's position on, some at a time. Those written meanwhile may be missed."""
        scopes = await self._reading.scopes(reach)
        over = await self._reading.run_out(list(scopes), now) if scan.where.kinds & SESSION else set[str]()
        after = _after(scan.after)
        runs = [
            _Run(tag, f"{self._names.base(tag)}:{shelf_of(kind)}:order:{kind.value}", after)
            for tag in scopes
            for kind in sorted(scan.where.kinds)
            if not (tag in over and kind in SESSION)
        ]
        size = min(scan.limit + 1, _MOST)
        step = max(16, min(size, _SHARED // max(1, len(runs))))
        await self._draw(runs, scan.order, step)
        if reach.exact() is None:
            drew = {run.tag for run in runs if run.drawn}
            empty = {tag: entry for tag, entry in scopes.items() if tag not in drew}
            if empty and scan.after is None:
                await self._reading.forget(reach.tenant, empty)
        while places := _ready(runs, scan.order):
            for start in range(0, len(places), size):
                yield await self._records(places[start : start + size], now)
            size = min(2 * size, _MOST)
            await self._draw([run for run in runs if run.more and not run.drawn], scan.order, min(2 * step, _MOST))

    async def _draw(self, runs: Sequence[_Run], order: Order, count: int) -> None:
        """The next places of each run."""
        commands = [_command(run, order, count) for run in runs]
        for run, drawn in zip(runs, await self._wire.ask_all(commands) if commands else [], strict=True):
            run.drawn = list(drawn)
            run.more = len(drawn) == count
            if drawn:
                run.last = drawn[-1]

    async def _records(self, places: Sequence[tuple[Place, str]], now: datetime) -> list[Record]:
        wanted: dict[str, list[str]] = {}
        for at, tag in places:
            wanted.setdefault(tag, []).append(_id(at))
        found = await self._reading.fetch(wanted, now)
        there = [(found.get((tag, _id(at))), at) for at, tag in places]
        return [record for record, at in there if record is not None and _stands(record, at)]


def _command(run: _Run, order: Order, count: int) -> tuple[Argument, ...]:
    beyond = b"(" + run.last if run.last is not None else None
    if order is Order.NEWEST:
        return ("ZREVRANGEBYLEX", run.order, beyond or b"+", b"-", "LIMIT", 0, count)
    return ("ZRANGEBYLEX", run.order, beyond or b"-", b"+", "LIMIT", 0, count)


def _ready(runs: Sequence[_Run], order: Order) -> list[tuple[Place, str]]:
    """Take what no later draw can come before. Empty only when nothing is left."""
    newest = order is Order.NEWEST
    ends = [run.drawn[-1] for run in runs if run.more and run.drawn]
    bound = (max(ends) if newest else min(ends)) if ends else None
    taken: list[tuple[Place, str]] = []
    for run in runs:
        kept: list[Place] = []
        for at in run.drawn:
            early = bound is None or (at >= bound if newest else at <= bound)
            if early:
                taken.append((at, run.tag))
            else:
                kept.append(at)
        run.drawn = kept
    taken.sort(reverse=newest)
    return taken


def _id(at: Place) -> str:
    return at[_DIGITS:].decode()


def _stands(record: Record, at: Place) -> bool:
    """Whether the record is still where the walk saw it: a change of its time would show it in a wrong place."""
    return at[:_DIGITS] == place(record.created_at)


def _after(position: Position | None) -> Place | None:
    return None if position is None else place(position.created_at) + position.id.encode()
