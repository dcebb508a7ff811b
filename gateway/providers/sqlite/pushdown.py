"""Filters as SQL: as much of one as SQLite can test without ever losing a record that passes `matches`.

A Clause is true for every record that passes, and `exact` where it is true for no other. The reader tests what comes
back with `matches` in any case; so a clause that is not exact costs time, not truth, and only exact ones are negated.
None means that SQLite cannot tell. Clauses are never NULL. Values are always bound.

Not exact are numbers (SQLite reads decimals to 15 digits) and, for the same reason, what contains them. Not told at
all are folded case, lists and objects as values, and keys that JSON escapes.
"""

# ruff: noqa: S608 -- statements are joined from the constants of this package; every value is bound

import math
import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Final, cast

import msgspec

from gateway.domain.filters import TIMES, All, Compare, Filter, Some, compare
from gateway.domain.scope import Scope
from gateway.providers.sqlite.rows import micros

_PLAIN_KEY: Final = re.compile(r'[^"\\\x00-\x1f\x7f]+')
_MAX_INT: Final = 2**53
_MAX_VALUES: Final = 2_000
_SQL: Final = {"gt": ">", "gte": ">=", "lt": "<", "lte": "<="}
_SLACK: Final = 1e-12


class Clause(msgspec.Struct, frozen=True):
    sql: str
    values: tuple[Any, ...] = ()
    exact: bool = True


_YES: Final = Clause("1")
_NO: Final = Clause("0")


def pushed(test: Filter, scope: Scope | None) -> Clause | None:
    """The clause over `records r`, and over `scopes s` where the scope is not one known from the reach."""
    clause = _clause(test, scope)
    return clause if clause is None or len(clause.values) <= _MAX_VALUES else None


def _clause(test: Filter, scope: Scope | None) -> Clause | None:
    if isinstance(test, Compare):
        return _compare(test, scope)
    if isinstance(test, All):
        found = [_clause(part, scope) for part in test.parts]
        told = [part for part in found if part is not None]
        return _joined(" AND ", told, exact=len(told) == len(found)) if told else None if found else _YES
    if isinstance(test, Some):
        return _some(_clause(part, scope) for part in test.parts)
    return _negated(_clause(test.part, scope))


def _compare(test: Compare, scope: Scope | None) -> Clause | None:
    if test.op == "ne":
        return _negated(_compare(msgspec.structs.replace(test, op="eq"), scope))
    if test.op == "nin":
        return _negated(_compare(msgspec.structs.replace(test, op="in"), scope))
    if test.op == "in":
        each = (Compare("eq", value, test.field, test.path) for value in cast("Sequence[Any]", test.value))
        return _some(_compare(one, scope) for one in each)
    match test.field:
        case None:
            return _metadata(test)
        case "id" | "text":
            return _text(test, f"r.{test.field}", missing=False)
        case "role":
            return _text(test, "r.role", missing=True)
        case "user" | "agent" | "run":
            return _part(test, test.field, scope)
        case _:
            return _time(test)


def _part(test: Compare, part: str, scope: Scope | None) -> Clause | None:
    """A part of the scope, or where it has none what the provenance notes."""
    noted = f"coalesce(json_extract(r.provenance, '$.{part}'), '')"
    if scope is None:
        return _text(test, f"(CASE WHEN s.{part} <> '' THEN s.{part} ELSE {noted} END)", missing=True)
    known: str = getattr(scope, part)
    if known:
        return _YES if compare(test.op, known, test.value) else _NO
    return _text(test, noted, missing=True)


def _text(test: Compare, column: str, *, missing: bool) -> Clause | None:
    """A column of text; `missing` where the empty text stands for nothing."""
    there = f"{column} <> ''" if missing else "1"
    value = test.value
    if test.op == "exists":
        return Clause(there) if value is True else _negated(Clause(there))
    if not isinstance(value, str):
        return _NO if test.op != "icontains" else None
    if not _bindable(value):
        return None
    match test.op:
        case "eq":
            return Clause(f"({there} AND {column} = ?)", (value,))
        case "contains":
            return Clause(f"({there} AND instr({column}, ?) > 0)", (value,))
        case "gt" | "gte" | "lt" | "lte":
            return Clause(f"({there} AND {column} {_SQL[test.op]} ?)", (value,))
        case _:
            return None


def _time(test: Compare) -> Clause | None:
    column = {"created_at": "r.created", "updated_at": "r.updated", "expires_at": "r.expires"}[cast("str", test.field)]
    there = f"{column} IS NOT NULL"
    if test.field not in TIMES:
        return None
    if test.op == "exists":
        return Clause(f"({there})") if test.value is True else _negated(Clause(f"({there})"))
    if not isinstance(test.value, datetime) or test.value.tzinfo is None:
        return None
    if test.op == "eq":
        return Clause(f"({column} IS ?)", (micros(test.value),))
    if test.op in _SQL:
        return Clause(f"({there} AND {column} {_SQL[test.op]} ?)", (micros(test.value),))
    return None


def _metadata(test: Compare) -> Clause | None:
    if not test.path or not all(_PLAIN_KEY.fullmatch(step) and _bindable(step) for step in test.path):
        return None
    path = "$" + "".join(f'."{step}"' for step in test.path)
    kind, found = "json_type(r.metadata, ?)", "json_extract(r.metadata, ?)"
    value = test.value
    match test.op:
        case "exists":
            return Clause(f"({kind} IS {'NOT NULL' if value is True else 'NULL'})", (path,))
        case "eq":
            return _same(kind, found, (path,), value)
        case "gt" | "gte" | "lt" | "lte" if isinstance(value, str) and _bindable(value):
            return Clause(f"({kind} IS 'text' AND {found} {_SQL[test.op]} ?)", (path, path, value))
        case "gt" | "gte" | "lt" | "lte" if (near := _near(value)) is not None:
            bound = near[0] if test.op in ("gt", "gte") else near[1]
            sql = f"({kind} IN ('integer', 'real') AND {found} {_SQL[test.op][0]}= ?)"
            return Clause(f"coalesce({sql}, 0)", (path, path, bound), exact=False)
        case "contains":
            listed = _same("e.type", "e.value", (), value)
            if listed is None:
                return None
            each = f"({kind} IS 'array' AND EXISTS (SELECT 1 FROM json_each(r.metadata, ?) e WHERE {listed.sql}))"
            inside = Clause(each, (path, path, *listed.values), listed.exact)
            if not isinstance(value, str):
                return inside
            within = Clause(f"({kind} IS 'text' AND instr({found}, ?) > 0)", (path, path, value))
            return _joined(" OR ", [within, inside])
        case _:
            return None


def _same(kind: str, found: str, path: tuple[str, ...], value: Any) -> Clause | None:
    """Equality in which no value is converted; `path` is bound for each of the two expressions."""
    if value is None or isinstance(value, bool):
        return Clause(f"({kind} IS '{'null' if value is None else 'true' if value else 'false'}')", path)
    if isinstance(value, str):
        return Clause(f"({kind} IS 'text' AND {found} = ?)", (*path, *path, value)) if _bindable(value) else None
    near = _near(value)
    if near is None:
        return None
    sql = f"coalesce({kind} IN ('integer', 'real') AND {found} BETWEEN ? AND ?, 0)"
    return Clause(sql, (*path, *path, *near), exact=False)


def _near(value: Any) -> tuple[float, float] | None:
    """Bounds wide enough for every reading of the same decimal."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    if isinstance(value, int) and abs(value) > _MAX_INT:
        return None
    slack = abs(value) * _SLACK + 5e-300
    return value - slack, value + slack


def _bindable(value: str) -> bool:
    """NUL ends texts inside SQLite's JSON functions; a lone surrogate has no UTF-8."""
    if "\0" in value:
        return False
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _some(parts: Iterable[Clause | None]) -> Clause | None:
    told: list[Clause] = []
    for part in parts:
        if part is None:
            return None
        told.append(part)
    return _joined(" OR ", told) if told else _NO


def _joined(word: str, parts: Sequence[Clause], *, exact: bool = True) -> Clause:
    # SQLite bounds the depth of expressions, and a chain of ORs is as deep as it is long: so join in halves.
    def tree(sql: Sequence[str]) -> str:
        middle = len(sql) // 2
        return sql[0] if len(sql) == 1 else f"({tree(sql[:middle])}{word}{tree(sql[middle:])})"

    values = tuple(value for part in parts for value in part.values)
    return Clause(tree([part.sql for part in parts]), values, exact and all(part.exact for part in parts))


def _negated(part: Clause | None) -> Clause | None:
    return Clause(f"(NOT {part.sql})", part.values) if part is not None and part.exact else None
