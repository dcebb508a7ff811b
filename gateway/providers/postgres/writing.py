"""The statements that change rows: an upsert that keeps what is newer or somebody else's, a deletion, a sweep.

Counters follow by triggers. Rows are locked in the order of their ids, so that writers of one tenant never wait for each
other in a ring. Knows nothing of connections' life.
"""

# ruff: noqa: S608 -- statements are joined from checked and quoted names; every value is bound

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Final

from gateway.domain.scope import Reach
from gateway.providers.postgres.layout import TENANT
from gateway.providers.postgres.names import Names, quoted
from gateway.providers.postgres.rows import STORED
from gateway.providers.postgres.selecting import Query, covered
from gateway.providers.postgres.vectors import fits

ID: Final = 0
_VECTOR: Final = len(STORED) - 1
_SPLIT: Final = {"terms": "string_to_array(n.terms, ' ')", "times": "string_to_array(n.times, ' ')::integer[]"}


class Writing:
    """Statements for one table. `schema` is that of pgvector, where the table keeps vectors in its column."""

    def __init__(self, names: Names, schema: str | None) -> None:
        self._names = names
        self._embeds = schema is not None
        typed = list(STORED)
        if schema is not None:
            typed.append(("embedding", f"{quoted(schema)}.vector"))
        columns = [name for name, _ in typed]
        given = ", ".join(f"${number}::{kind}[]" for number, (_, kind) in enumerate(typed, 3))
        renewed = ", ".join(f"{name} = excluded.{name}" for name in columns if name not in ("tenant", "id"))
        # No row reaches the table before the fence is set, so one statement needs no transaction around it: a process that
        # stops in the middle of anything holds no lock that others wait for.
        self._put = f"""INSERT INTO {names.records} AS r ({", ".join(columns)})
            SELECT {", ".join(_SPLIT.get(name, f"n.{name}") for name in columns)}
            FROM (SELECT set_config('{TENANT}', $2, true)) AS fence CROSS JOIN unnest({given}) AS n({", ".join(columns)})
            ON CONFLICT (tenant, id) DO UPDATE SET {renewed}
            WHERE r.expires_at <= $1 OR (r.scope = excluded.scope AND r.version < excluded.version)
            RETURNING id"""
        moved = ", ".join(
            f"{name} = {_SPLIT.get(name, f'n.{name}')}" for name in columns if name not in ("tenant", "id")
        )
        self._replace = f"""WITH n AS (
                SELECT * FROM unnest({given}) AS n({", ".join(columns)})
            ), held AS (
                SELECT r.id FROM {names.records} r WHERE r.tenant = $2 AND r.id IN (SELECT id FROM n)
                ORDER BY r.id FOR UPDATE
            ) UPDATE {names.records} AS r SET {moved} FROM n, held
            WHERE r.tenant = $2 AND r.id = n.id AND r.id = held.id
            AND (r.expires_at IS NULL OR r.expires_at > $1) AND r.scope = n.scope AND r.version < n.version
            RETURNING r.id"""

    async def put(
        self, connection: Any, tenant: str, rows: Sequence[Sequence[Any]], now: datetime, *, over: bool = False
    ) -> set[str]:
        """Rows of the tenant, each id once; the ids that were stored. A row is the values of STORED. With `over`, only in
        the place of what lives, and within a transaction that sees the tenant."""
        ordered = sorted(rows, key=lambda row: row[ID].encode())
        columns: list[list[Any]] = [list(column) for column in zip(*ordered, strict=True)]
        if self._embeds:
            vectors = columns[_VECTOR]
            fit = [vector is not None and fits(vector) for vector in vectors]
            columns[_VECTOR] = [None if held else vector for vector, held in zip(vectors, fit, strict=True)]
            columns.append([vector if held else None for vector, held in zip(vectors, fit, strict=True)])
        return {row[0] for row in await connection.fetch(self._replace if over else self._put, now, tenant, *columns)}

    async def delete(self, connection: Any, reach: Reach, ids: Iterable[str], now: datetime) -> int:
        where, values = covered(reach, "r")
        query = Query(
            f"""WITH gone AS (
                SELECT r.id FROM {self._names.records} r WHERE {where} AND r.id = ANY(?::text[]) ORDER BY r.id FOR UPDATE
            ) DELETE FROM {self._names.records} r USING gone WHERE r.tenant = ?::text AND r.id = gone.id
            RETURNING r.expires_at IS NULL OR r.expires_at > ?::timestamptz""",
            (*values, list(ids), reach.tenant, now),
        )
        return sum(row[0] for row in await query.fetch(connection))

    async def sweep(self, connection: Any, limit: int, now: datetime) -> int:
        """What another process sweeps at the same time is left to it."""
        removed = await connection.fetch(
            f"""WITH due AS (
                SELECT tenant, id FROM {self._names.records} WHERE expires_at <= $1
                ORDER BY expires_at LIMIT $2 FOR UPDATE SKIP LOCKED
            ) DELETE FROM {self._names.records} r USING due WHERE r.tenant = due.tenant AND r.id = due.id RETURNING 1""",
            now, limit,
        )  # fmt: skip
        return len(removed)
