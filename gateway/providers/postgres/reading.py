"""What a connection is asked: records by id and in order, revisions, counts.

Whatever the statements let through is tested again: the reach, the time, the filter. Knows nothing of connections' life.
"""

# ruff: noqa: S608 -- statements are joined from checked and quoted names; every value is bound

from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import Any, Final

import msgspec

from gateway.domain.ports import Count, Page, Position, Scan
from gateway.domain.record import Kind, Record
from gateway.domain.scope import Reach
from gateway.providers.postgres.opening import Facts
from gateway.providers.postgres.rows import READ, record_of
from gateway.providers.postgres.selecting import Query, Rows, columns, covered
from gateway.providers.winnowing import lives, winnowed

_FILTERED: Final = 250  # rows read at once where a filter may drop some
WIDTH: Final = len(READ)


class Reading:
    """Statements for one table."""

    def __init__(self, facts: Facts) -> None:
        self._names = facts.names
        self._epoch = facts.epoch
        self.embedded = facts.column is not None
        self.whole = columns(embedded=self.embedded, vectors=True, bodies=True)
        self.light = columns(embedded=self.embedded, vectors=False, bodies=True)

    async def get(self, connection: Any, reach: Reach, ids: Sequence[str], now: datetime) -> list[Record | None]:
        where, values = covered(reach, "r")
        wanted = sorted({id_ for id_ in ids if "\0" not in id_})
        query = Query(
            f"SELECT {self.whole} FROM {self._names.records} r WHERE {where} AND r.id = ANY(?::text[])",
            (*values, wanted),
        )
        found = {record.id: record for record in self.records(await query.fetch(connection))}
        there = (found.get(id_) for id_ in ids)
        return [each if each and reach.covers(each.scope) and lives(each, now) else None for each in there]

    async def scan(self, connection: Any, reach: Reach, scan: Scan, now: datetime) -> Page:
        if not scan.where.kinds:
            return Page(())
        return await winnowed(self._candidates(connection, reach, scan, now), reach, scan, now)

    async def _candidates(
        self, connection: Any, reach: Reach, scan: Scan, now: datetime
    ) -> AsyncIterator[Sequence[Record]]:
        rows = Rows(reach=reach, kinds=scan.where.kinds, now=now, test=scan.where.filter)
        selected = columns(embedded=self.embedded, vectors=scan.vectors, bodies=scan.bodies)
        step = scan.limit + 1 if scan.where.filter is None else max(scan.limit + 1, _FILTERED)
        after = scan.after
        while True:
            query = rows.page(selected, self._names.records, step, scan.order, after)
            found = self.records(await query.fetch(connection))
            yield found
            if len(found) < step:
                return
            after = Position(found[-1].created_at, found[-1].id)

    async def revision(self, connection: Any, reach: Reach) -> bytes:
        # A revision is given once and never again, so what a reach holds is told by which ones are in it.
        where, values = covered(reach, "s")
        query = Query(
            f"SELECT count(*), coalesce(max(s.revision), 0), coalesce(sum(hashint8extended(s.revision, 0)), 0)::text "
            f"FROM {self._names.scopes} s WHERE {where}",
            values,
        )
        ((many, last, all_),) = await query.fetch(connection)
        return self._epoch + f":{many}:{last}:{all_}".encode()

    async def count(self, connection: Any, now: datetime) -> dict[Kind, Count]:
        query = Query(
            f"""SELECT kind, sum(records)::bigint, sum(bytes)::bigint FROM (
                SELECT kind, records, bytes FROM {self._names.census}
                UNION ALL
                SELECT kind, -count(*), -sum(size) FROM {self._names.records} WHERE expires_at <= ?::timestamptz GROUP BY kind
            ) AS each GROUP BY kind""",
            (now,),
        )
        return {Kind(kind): Count(records, size) for kind, records, size in await query.fetch(connection) if records}

    def records(self, rows: Sequence[Sequence[Any]]) -> list[Record]:
        """Of rows that begin with `columns(...)`."""
        return [self.record(row) for row in rows]

    def record(self, row: Sequence[Any]) -> Record:
        record = record_of(row)
        if self.embedded and record.vector is None and len(row) > WIDTH and isinstance(row[WIDTH], bytes):
            return msgspec.structs.replace(record, vector=row[WIDTH])
        return record
