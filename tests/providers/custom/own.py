"""A provider as an operator writes one: a class in a module of theirs, forty lines."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack

import msgspec

from gateway.domain.ports import Kit, Order, Page, Scan
from gateway.domain.record import Record
from gateway.domain.scope import Reach
from gateway.providers.documents import read, written
from gateway.providers.winnowing import lives, winnowed


class Own:
    class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
        connection: str

    def __init__(self, options: Options, kit: Kit) -> None:
        self.connection, self._clock, self._kept = options.connection, kit.clock, dict[tuple[str, str], Record]()

    async def open(self, stack: AsyncExitStack) -> None:
        stack.callback(self._kept.clear)

    async def put(self, records: Sequence[Record]) -> Sequence[bool]:
        stored: list[bool] = []
        for record in records:
            old = self._kept.get((record.scope.tenant, record.id))
            gives_way = old is None or (old.scope == record.scope and (
                old.version < record.version or not lives(old, self._clock())))  # fmt: skip
            if gives_way:
                self._kept[record.scope.tenant, record.id] = read(written(record))
            stored.append(gives_way)
        return stored

    async def get(self, reach: Reach, ids: Sequence[str]) -> Sequence[Record | None]:
        found = (self._kept.get((reach.tenant, id_)) for id_ in ids)
        return [each if each and reach.covers(each.scope) and lives(each, self._clock()) else None for each in found]

    async def delete(self, reach: Reach, ids: Sequence[str]) -> int:
        there = {each.id for each in await self.get(reach, ids) if each}
        return sum(self._kept.pop((reach.tenant, id_), None) is not None for id_ in there)

    async def scan(self, reach: Reach, scan: Scan) -> Page:
        return await winnowed(self._ordered(scan), reach, scan, self._clock())

    async def _ordered(self, scan: Scan) -> AsyncIterator[Sequence[Record]]:
        newest = scan.order is Order.NEWEST
        after = scan.after and (scan.after.created_at, scan.after.id)
        for each in sorted(self._kept.values(), key=lambda r: (r.created_at, r.id), reverse=newest):
            place = (each.created_at, each.id)
            if after is None or (place < after if newest else place > after):
                yield (each,)
