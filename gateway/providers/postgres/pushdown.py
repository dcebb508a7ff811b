"""Filters as SQL over `r`, a row of the table: as much of one as PostgreSQL can test without losing a record that passes.

A Clause is true for every plain record that passes `matches`, and `exact` where for no other; clauses are never NULL, and
only exact ones are negated. Rows whose metadata jsonb cannot hold as it is keep the record in `exact`; they come back
whatever the clause says. What comes back is tested with `matches` in any case. None means that PostgreSQL cannot tell.

Values and keys are always bound. Not told are folded case, and values that jsonb would change.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Final, cast

import msgspec

from gateway.domain.filters import TIMES, All, Compare, Filter, Some, compare
from gateway.domain.scope import Scope
from gateway.providers.postgres.rows import faithful

_MAX_VALUES: Final = 2_000
_MAX_DEPTH: Final = 100  # of conditions in conditions; the server's parser has a stack to lose
_SQL: Final = {"gt": ">", "gte": ">=", "lt": "<", "lte": "<="}


class Clause(msgspec.Struct, frozen=True):
    """`?` stands for each value, in order."""

    sql: str
    values: tuple[Any, ...] = ()
    exact: bool = True


_YES: Final = Clause("true")
_NO: Final = Clause("false")


def pushed(test: Filter, scope: Scope | None) -> Clause | None:
    """`scope` is the one that every row has, where there is only one."""
    clause = _clause(test, scope, 0)
    if clause is None or len(clause.values) > _MAX_VALUES:
        return None
    return Clause(f"(r.exact IS NOT NULL OR {clause.sql})", clause.values, exact=False)


def _clause(test: Filter, scope: Scope | None, depth: int) -> Clause | None:
    if depth > _MAX_DEPTH:
        return None
    if isinstance(test, Compare):
        return _compare(test, scope)
    if isinstance(test, All):
        found = [_clause(part, scope, depth + 1) for part in test.parts]
        told = [part for part in found if part is not None]
        return _joined(" AND ", told, exact=len(told) == len(found)) if told else None if found else _YES
    if isinstance(test, Some):
        return _some(_clause(part, scope, depth + 1) for part in test.parts)
    return _negated(_clause(test.part, scope, depth + 1))


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
        case "id":
            return _text(test, "r.id", missing=False)
        case "text":
            return _text(test, "r.content", missing=False)
        case "role":
            return _text(test, "r.role", missing=True)
        case "user" | "agent" | "run":
            return _part(test, test.field, scope)
        case _:
            return _time(test)


def _part(test: Compare, part: str, scope: Scope | None) -> Clause | None:
    """A part of the scope, or where it has none what the provenance notes."""
    noted = f"(coalesce(r.provenance ->> '{part}', '') COLLATE \"C\")"
    if scope is None:
        return _text(test, f"(CASE WHEN r.{part}_id <> '' THEN r.{part}_id ELSE {noted} END)", missing=True)
    known: str = getattr(scope, part)
    if known:
        return _YES if compare(test.op, known, test.value) else _NO
    return _text(test, noted, missing=True)


def _text(test: Compare, column: str, *, missing: bool) -> Clause | None:
    """A column of text in the C collation; `missing` where the empty text stands for nothing."""
    there = f"{column} <> ''" if missing else "true"
    value = test.value
    if test.op == "exists":
        return Clause(f"({there})") if value is True else _negated(Clause(f"({there})"))
    if not isinstance(value, str):
        return _NO if test.op != "icontains" else None
    if not faithful(value):
        return None
    match test.op:
        case "eq":
            return Clause(f"({there} AND {column} = ?::text)", (value,))
        case "contains":
            return Clause(f"({there} AND strpos({column}, ?::text) > 0)", (value,))
        case "gt" | "gte" | "lt" | "lte":
            return Clause(f"({there} AND {column} {_SQL[test.op]} ?::text)", (value,))
        case _:
            return None


def _time(test: Compare) -> Clause | None:
    if test.field not in TIMES:
        return None
    column = f"r.{test.field}"
    if test.op == "exists":
        there = Clause(f"({column} IS NOT NULL)")
        return there if test.value is True else _negated(there)
    if not isinstance(test.value, datetime) or test.value.tzinfo is None:
        return None
    if test.op == "eq":
        return Clause(f"coalesce({column} = ?::timestamptz, false)", (test.value,))
    if test.op in _SQL:
        return Clause(f"coalesce({column} {_SQL[test.op]} ?::timestamptz, false)", (test.value,))
    return None


def _metadata(test: Compare) -> Clause | None:
    path, value = test.path, test.value
    if not path or not faithful(list(path)):
        return None
    # One step at a time: `#>` would take "0" for a place in a list, which the reference does not.
    found = "(r.metadata" + " -> ?::text" * len(path) + ")"
    text = f"(({found} #>> '{{}}') COLLATE \"C\")"
    if test.op == "exists":
        return Clause(f"({found} IS {'NOT NULL' if value is True else 'NULL'})", path)
    if test.op == "icontains" or not faithful(value):
        return None
    match test.op:
        case "eq":
            return Clause(f"coalesce({found} = ?::jsonb, false)", (*path, _json(value)))
        case "gt" | "gte" | "lt" | "lte" if isinstance(value, str):
            sql = f"(jsonb_typeof({found}) = 'string' AND {text} {_SQL[test.op]} ?::text)"
            return Clause(f"coalesce({sql}, false)", (*path, *path, value))
        case "gt" | "gte" | "lt" | "lte" if isinstance(value, int | float) and not isinstance(value, bool):
            sql = f"(jsonb_typeof({found}) = 'number' AND {found} {_SQL[test.op]} ?::jsonb)"
            return Clause(f"coalesce({sql}, false)", (*path, *path, _json(value)))
        case "contains":
            return _contains(found, text, path, value)
        case _:
            return _NO  # order among anything else


def _contains(found: str, text: str, path: tuple[str, ...], value: Any) -> Clause:
    listed = f"CASE WHEN jsonb_typeof({found}) = 'array' THEN {found} ELSE '[]'::jsonb END"
    inside = f"EXISTS (SELECT FROM jsonb_array_elements({listed}) AS e(value) WHERE e.value = ?::jsonb)"
    values = (*path, *path, _json(value))
    if not isinstance(value, str):
        return Clause(f"({inside})", values)
    within = f"coalesce(jsonb_typeof({found}) = 'string' AND strpos({text}, ?::text) > 0, false)"
    return Clause(f"({inside} OR {within})", (*values, *path, *path, value))


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()


def _some(parts: Iterable[Clause | None]) -> Clause | None:
    told: list[Clause] = []
    for part in parts:
        if part is None:
            return None
        told.append(part)
    return _joined(" OR ", told) if told else _NO


def _joined(word: str, parts: Sequence[Clause], *, exact: bool = True) -> Clause:
    values = tuple(value for part in parts for value in part.values)
    sql = "(" + word.join(part.sql for part in parts) + ")"
    return Clause(sql, values, exact and all(part.exact for part in parts))


def _negated(part: Clause | None) -> Clause | None:
    return Clause(f"(NOT {part.sql})", part.values) if part is not None and part.exact else None
