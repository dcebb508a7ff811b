"""Search in the database: nearest vectors by pgvector, matching words by BM25 over the reach's own rows.

Scores depend on nothing outside the reach. Without pgvector, vectors are compared here, exactly. What comes back is tested
again, and more is fetched where a filter has dropped some. Knows nothing of connections' life.
"""

# ruff: noqa: S608 -- statements are joined from checked and quoted names; every value is bound

import asyncio
from collections.abc import Sequence
from datetime import datetime
from itertools import islice
from typing import Any, Final

from gateway.domain.ports import Hit, Where
from gateway.domain.record import Record
from gateway.domain.scope import Reach
from gateway.providers.exact import best_first, scores, stacked
from gateway.providers.postgres.names import quoted
from gateway.providers.postgres.opening import Facts
from gateway.providers.postgres.reading import Reading
from gateway.providers.postgres.rows import indexed
from gateway.providers.postgres.selecting import Query, Rows, covered
from gateway.providers.winnowing import passes

_AHEAD: Final = 16  # rows fetched beyond what is wanted, for those that a filter drops
_LARGEST: Final = 2_000  # rows fetched at once
_INLINE: Final = 4_000_000  # bytes of vectors that are compared on the loop


class Ranking:
    """Statements for one table."""

    def __init__(self, facts: Facts, reading: Reading) -> None:
        self._names = facts.names
        self._vectors = facts.vectors  # else the vectors are bytes
        self._indexed = facts.dimension
        self._reading = reading

    async def nearest(
        self, connection: Any, reach: Reach, vector: bytes, where: Where, limit: int, now: datetime
    ) -> list[Hit]:
        if not where.kinds:
            return []
        rows = Rows(reach=reach, kinds=where.kinds, now=now, test=where.filter)
        if self._vectors is None:
            return await self._compared(connection, rows, vector, where, limit)
        dimension = len(vector) // 4
        schema = quoted(self._vectors)
        at = "r.embedding"
        if self._indexed == dimension and reach.exact() is None:
            at = f"(r.embedding::{schema}.vector({dimension:d}))"
        far = f"{at} OPERATOR({schema}.<#>) ?::{schema}.vector"
        found, clause = rows.where(), rows.clause()
        query = Query(
            f"SELECT {self._reading.light}, -({far}) AS score FROM {self._names.records} r "
            f"WHERE {found.sql} AND r.embedding IS NOT NULL AND {schema}.vector_dims(r.embedding) = {dimension:d} "
            f"AND {clause.sql} ORDER BY {far} LIMIT ?::integer OFFSET ?::integer",
            (vector, *found.values, *clause.values, vector),
        )
        return await self._paged(connection, query, rows, where, limit)

    async def matching(
        self, connection: Any, reach: Reach, wanted: Sequence[str], where: Where, limit: int, now: datetime
    ) -> list[Hit]:
        """`wanted` as `Terms.wanted` gives them."""
        if not wanted or not where.kinds:
            return []
        rows = Rows(reach=reach, kinds=where.kinds, now=now, test=where.filter)
        found, clause = rows.where(), rows.clause()
        terms = indexed(wanted)
        scopes, named = covered(reach, "s")
        query = Query(
            f"""WITH found AS MATERIALIZED (
                SELECT r.id, r.words::float8 AS words, w.n, r.times[array_position(r.terms, w.term)]::float8 AS times,
                    {clause.sql} AS passes
                FROM {self._names.records} r CROSS JOIN unnest(?::text[]) WITH ORDINALITY AS w(term, n)
                WHERE {found.sql} AND r.terms && ?::text[] AND array_position(r.terms, w.term) IS NOT NULL
            ), held AS (
                SELECT coalesce(sum(s.records), 0)::float8 AS total,
                    greatest(coalesce(sum(s.words), 0) / greatest(sum(s.records), 1), 1)::float8 AS average
                FROM {self._names.scopes} s WHERE {scopes}
            ), worth AS (
                SELECT f.n, ln(1 + (greatest(h.total, count(*)) - count(*) + 0.5) / (count(*) + 0.5)) AS worth
                FROM found f CROSS JOIN held h GROUP BY f.n, h.total
            ), best AS (
                SELECT f.id, sum(w.worth * f.times * 2.2 / (f.times + 1.2 * (0.25 + 0.75 * f.words / h.average))
                    ORDER BY f.n) AS score
                FROM found f JOIN worth w USING (n) CROSS JOIN held h WHERE f.passes GROUP BY f.id
                ORDER BY score DESC, f.id DESC LIMIT ?::integer OFFSET ?::integer
            )
            SELECT {self._reading.light}, b.score FROM best b
            JOIN {self._names.records} r ON r.tenant = ?::text AND r.id = b.id ORDER BY b.score DESC, b.id DESC""",
            (*clause.values, terms, *found.values, terms, *named),
        )
        return await self._paged(connection, query, rows, where, limit, (reach.tenant,))

    async def _paged(
        self, connection: Any, query: Query, rows: Rows, where: Where, limit: int, tail: tuple[Any, ...] = ()
    ) -> list[Hit]:
        """The best that pass; the query takes a limit and an offset, then `tail`."""
        hits: list[Hit] = []
        step = limit + (_AHEAD if where.filter is not None else 0)
        offset = 0
        while True:
            some = await Query(query.sql, (*query.values, step, offset, *tail)).fetch(connection)
            for row in some:
                record = self._reading.record(row)
                if passes(record, rows.reach, where, rows.now):
                    hits.append(Hit(record, float(row[-1])))
                    if len(hits) == limit:
                        return hits
            if len(some) < step:
                return hits
            offset += step
            step = min(2 * step, _LARGEST)

    async def _compared(self, connection: Any, rows: Rows, vector: bytes, where: Where, limit: int) -> list[Hit]:
        """Without pgvector: all vectors of the reach, ranked here."""
        found, clause = rows.where(), rows.clause()
        listed = await Query(
            f"SELECT r.id, r.vector FROM {self._names.records} r "
            f"WHERE {found.sql} AND length(r.vector) = {len(vector):d} AND {clause.sql} ORDER BY r.created_at, r.id",
            (*found.values, *clause.values),
        ).fetch(connection)
        if not listed:
            return []
        vectors = [row[1] for row in listed]

        def ranked() -> list[tuple[int, float]]:
            product = scores(stacked(vectors, len(vector) // 4), vector)
            return [(place, float(product[place])) for place in best_first(product)]

        small = len(vectors) * len(vector) <= _INLINE
        order = iter(ranked() if small else await asyncio.to_thread(ranked))
        hits: list[Hit] = []
        step = limit + (_AHEAD if where.filter is not None else 0)
        while some := list(islice(order, min(step, _LARGEST))):
            ids = [listed[place][0] for place, _ in some]
            records = await self._by_id(connection, rows.reach, ids)
            for id_, (_, score) in zip(ids, some, strict=True):
                record = records.get(id_)
                if record is not None and passes(record, rows.reach, where, rows.now):
                    hits.append(Hit(record, score))
                    if len(hits) == limit:
                        return hits
            step *= 2
        return hits

    async def _by_id(self, connection: Any, reach: Reach, ids: Sequence[str]) -> dict[str, Record]:
        query = Query(
            f"SELECT {self._reading.light} FROM {self._names.records} r WHERE r.tenant = ?::text AND r.id = ANY(?::text[])",
            (reach.tenant, list(ids)),
        )
        return {record.id: record for record in self._reading.records(await query.fetch(connection))}
