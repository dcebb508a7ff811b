"""Which rows: conditions and statements that read, built from quoted names, constants and bound values only.

One exact scope is read along its index by the scope's hash, and compared part by part as well.
"""

# ruff: noqa: S608 -- statements are joined from checked and quoted names; every value is bound

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

import msgspec

from gateway.domain.filters import Filter
from gateway.domain.ports import Order, Position
from gateway.domain.record import Kind
from gateway.domain.scope import Reach
from gateway.providers.postgres.pushdown import pushed
from gateway.providers.postgres.rows import READ

_PARTS: Final = (("space", "space"), ("user_id", "user"), ("agent_id", "agent"), ("run_id", "run"))


class Query(msgspec.Struct, frozen=True):
    """A statement in which `?` stands for each value, in order."""

    sql: str
    values: tuple[Any, ...] = ()

    async def fetch(self, connection: Any) -> Sequence[Sequence[Any]]:
        """The driver's rows, which are sequences."""
        head, *rest = self.sql.split("?")
        numbered = head + "".join(f"${number}{part}" for number, part in enumerate(rest, 1))
        return await connection.fetch(numbered, *self.values)


class Rows(msgspec.Struct, frozen=True, kw_only=True):
    """The rows of `r` that are meant: in the reach, of these kinds, alive at `now`, and what can be told of the filter."""

    reach: Reach
    kinds: frozenset[Kind]
    now: datetime
    test: Filter | None = None

    def where(self) -> Query:
        """Without the filter."""
        sql, values = covered(self.reach, "r")
        kinds = sorted(kind.value for kind in self.kinds)
        # With one kind, the index by scope is in the order of time.
        one = "r.kind = ?::text" if len(kinds) == 1 else "r.kind = ANY(?::text[])"
        kind: Any = kinds[0] if len(kinds) == 1 else kinds
        alive = "(r.expires_at IS NULL OR r.expires_at > ?::timestamptz)"
        return Query(f"{sql} AND {one} AND {alive}", (*values, kind, self.now))

    def clause(self) -> Query:
        """What PostgreSQL can tell of the filter; true for everything where it can tell nothing."""
        told = None if self.test is None else pushed(self.test, self.reach.exact())
        return Query("true") if told is None else Query(told.sql, told.values)

    def page(self, selected: str, table: str, limit: int, order: Order, after: Position | None) -> Query:
        where, clause = self.where(), self.clause()
        way, sign = ("DESC", "<") if order is Order.NEWEST else ("ASC", ">")
        past, at = "", ()
        if after is not None:
            past, at = f" AND (r.created_at, r.id) {sign} (?::timestamptz, ?::text)", (after.created_at, after.id)
        return Query(
            f"SELECT {selected} FROM {table} r WHERE {where.sql}{past} AND {clause.sql} "
            f"ORDER BY r.created_at {way}, r.id {way} LIMIT ?::integer",
            (*where.values, *at, *clause.values, limit),
        )


def covered(reach: Reach, of: str) -> tuple[str, tuple[Any, ...]]:
    """The condition on a table's rows that is the reach."""
    given = [(column, getattr(reach, part)) for column, part in _PARTS if getattr(reach, part) is not None]
    sql = f"{of}.tenant = ?::text" + "".join(f" AND {of}.{column} = ?::text" for column, _ in given)
    values: tuple[Any, ...] = (reach.tenant, *(value for _, value in given))
    exact = reach.exact()
    return (sql, values) if exact is None else (f"{of}.scope = ?::bytea AND {sql}", (exact.key(), *values))


def columns(*, embedded: bool, vectors: bool, bodies: bool) -> str:
    """READ, with NULL for the large parts that nobody asked for; with them, the column of pgvector where there is one."""
    named = [f"r.{name}" for name in READ]
    if not vectors:
        named[READ.index("vector")] = "NULL::bytea"
    if not bodies:
        named[READ.index("body")] = "NULL::bytea"
    return ", ".join([*named, "r.embedding"] if embedded and vectors else named)
