"""Which rows: the statements that list a reach in order, built from constants and bound values only.

One exact scope is read along its index. Many scopes are listed by their entries in the index alone, then fetched. A
whole tenant is read along the tenant's own index.
"""

# ruff: noqa: S608 -- statements are joined from the constants of this package; every value is bound

from collections.abc import Iterable
from typing import Any, Final

import msgspec

from gateway.domain.ports import Order, Position
from gateway.domain.record import Kind
from gateway.domain.scope import Reach
from gateway.providers.sqlite.pushdown import Clause
from gateway.providers.sqlite.rows import PLACED, micros

_PARTS: Final = ("space", "user", "agent", "run")
_ALIVE: Final = "(r.expires IS NULL OR r.expires > ?)"


class Query(msgspec.Struct, frozen=True):
    sql: str
    values: tuple[Any, ...]


class Rows(msgspec.Struct, frozen=True, kw_only=True):
    """The rows meant: of these kinds, alive at `now`, past `after`, true for `clause`. `scope` is the exact one."""

    reach: Reach
    scope: int | None
    kinds: frozenset[Kind]
    now: int
    clause: Clause | None = None
    order: Order = Order.NEWEST
    after: Position | None = None

    def page(self, limit: int, selected: str) -> Query:
        """The columns of each record (and its scope's parts, where the scope is not exact), in order."""
        tail = f"ORDER BY {self._sorted('r.')} LIMIT ?"
        if self.scope is None:
            selected = f"{selected}, {PLACED}"
        if self.scope is not None and len(self.kinds) == 1:
            sql, values = self._of_kind(next(iter(self.kinds)))
            return Query(f"SELECT {selected} {sql} {tail}", (*values, limit))
        if self._whole_tenant():
            space, named = ("", ()) if self.reach.space is None else (" AND s.space = ?", (self.reach.space,))
            kinds, of = self._kinds()
            rest, more = self._rest()
            sql = f"FROM records r CROSS JOIN scopes s ON s.scope = r.scope WHERE r.tenant = ?{space} AND {kinds}{rest}"
            return Query(f"SELECT {selected} {sql} {tail}", (self.reach.tenant, *named, *of, *more, limit))
        inner = self.numbers(limit)
        joined = "" if self.scope is not None else " JOIN scopes s ON s.scope = r.scope"
        sql = f"SELECT {selected} FROM records r{joined} WHERE r.seq IN ({inner.sql}) ORDER BY {self._sorted('r.')}"
        return Query(sql, inner.values)

    def numbers(self, limit: int | None = None) -> Query:
        """The `seq` of each row: the first `limit` in order, or all in no order."""
        values: tuple[Any, ...]
        if self.scope is not None:
            parts = [self._of_kind(kind) for kind in sorted(self.kinds)]
            values = tuple(value for _, of in parts for value in of)
            if limit is None:
                return Query(" UNION ALL ".join(f"SELECT r.seq {sql}" for sql, _ in parts), values)
            compound = " UNION ALL ".join(f"SELECT r.seq, r.created, r.id {sql}" for sql, _ in parts)
            return Query(f"SELECT seq FROM ({compound} ORDER BY {self._sorted()} LIMIT ?)", (*values, limit))
        where, named = covered(self.reach)
        kinds, of = self._kinds()
        rest, more = self._rest()
        sql = f"SELECT r.seq FROM scopes s CROSS JOIN records r ON r.scope = s.scope WHERE {where} AND {kinds}{rest}"
        values = (*named, *of, *more)
        return (
            Query(sql, values)
            if limit is None
            else Query(f"{sql} ORDER BY {self._sorted('r.')} LIMIT ?", (*values, limit))
        )

    def _of_kind(self, kind: Kind) -> tuple[str, tuple[Any, ...]]:
        rest, values = self._rest()
        return f"FROM records r WHERE r.scope = ? AND r.kind = ?{rest}", (self.scope, kind.value, *values)

    def _kinds(self) -> tuple[str, tuple[str, ...]]:
        return f"r.kind IN ({_marks(self.kinds)})", tuple(kind.value for kind in self.kinds)

    def _rest(self) -> tuple[str, tuple[Any, ...]]:
        sql, values = f" AND {_ALIVE}", (self.now,)
        if self.after is not None:
            sign = "<" if self.order is Order.NEWEST else ">"
            sql = f" AND (r.created, r.id) {sign} (?, ?){sql}"
            values = (micros(self.after.created_at), self.after.id, *values)
        if self.clause is not None:
            sql, values = f"{sql} AND {self.clause.sql}", (*values, *self.clause.values)
        return sql, values

    def _sorted(self, of: str = "") -> str:
        way = "DESC" if self.order is Order.NEWEST else "ASC"
        return f"{of}created {way}, {of}id {way}"

    def _whole_tenant(self) -> bool:
        return self.reach.user is None and self.reach.agent is None and self.reach.run is None


def covered(reach: Reach) -> tuple[str, tuple[str, ...]]:
    """The condition on `scopes s` that is the reach."""
    given = [(part, getattr(reach, part)) for part in _PARTS if getattr(reach, part) is not None]
    sql = "".join(f" AND s.{part} = ?" for part, _ in given)
    return f"s.tenant = ?{sql}", (reach.tenant, *(value for _, value in given))


def _marks(values: Iterable[object]) -> str:
    return ", ".join("?" for _ in values)
