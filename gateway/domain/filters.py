"""The one filter grammar of all faces and backends, as data, and what it means (`matches`).

A filter is a tree of Compare under All, Some and Not. Backends may evaluate any part of it themselves; what they answer
must equal `matches`, which is the definition:

- A path into nothing satisfies only `ne`, `nin` and `exists: false`.
- No value is converted: 1 equals 1.0 and nothing else; true is not 1; "1" is not 1.
- `gt gte lt lte` compare numbers with numbers and text with text (by code point); anything else is false.
- `contains` finds an element of a list or a part of a text; `icontains` the same with case folded.
"""

import operator
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, Literal, TypeAlias, TypeGuard, cast

import msgspec

from gateway.domain.record import Record

Op: TypeAlias = Literal["eq", "ne", "in", "nin", "gt", "gte", "lt", "lte", "contains", "icontains", "exists"]
Field: TypeAlias = Literal["id", "text", "role", "user", "agent", "run", "created_at", "updated_at", "expires_at"]

OPS: Final[tuple[Op, ...]] = ("eq", "ne", "in", "nin", "gt", "gte", "lt", "lte", "contains", "icontains", "exists")
FIELDS: Final[tuple[Field, ...]] = (
    "id", "text", "role", "user", "agent", "run", "created_at", "updated_at", "expires_at",
)  # fmt: skip
TIMES: Final = frozenset({"created_at", "updated_at", "expires_at"})


class Compare(msgspec.Struct, frozen=True):
    """One test. `field` names a part of the record; without it, `path` leads into the metadata."""

    op: Op
    value: Any
    field: Field | None = None
    path: tuple[str, ...] = ()


class All(msgspec.Struct, frozen=True):
    parts: tuple["Filter", ...]


class Some(msgspec.Struct, frozen=True):
    parts: tuple["Filter", ...]


class Not(msgspec.Struct, frozen=True):
    part: "Filter"


Filter: TypeAlias = Compare | All | Some | Not


class _Missing:
    pass


MISSING: Final = _Missing()


def matches(test: Filter | None, record: Record) -> bool:
    """Whether the record passes. No filter passes everything; an empty All does too, an empty Some nothing."""
    if test is None:
        return True
    if isinstance(test, Compare):
        return compare(test.op, look_up(test, record), test.value)
    if isinstance(test, All):
        return all(matches(part, record) for part in test.parts)
    if isinstance(test, Some):
        return any(matches(part, record) for part in test.parts)
    return not matches(test.part, record)


def look_up(test: Compare, record: Record) -> Any:
    match test.field:
        case None:
            return _descend(record.metadata, test.path)
        case "user" | "agent" | "run":
            # A part that the scope does not use may still be known from the writing request.
            return getattr(record.scope, test.field) or getattr(record.provenance, test.field) or MISSING
        case "role":
            return record.role or MISSING
        case "expires_at":
            return record.expires_at or MISSING
        case _:
            return getattr(record, test.field)


def _descend(value: Any, path: tuple[str, ...]) -> Any:
    for step in path:
        if not isinstance(value, Mapping) or step not in value:
            return MISSING
        value = cast("Mapping[str, Any]", value)[step]
    return value


def compare(op: Op, found: Any, wanted: Any) -> bool:
    match op:
        case "exists":
            return (found is not MISSING) is wanted
        case "ne":
            return not same(found, wanted)
        case "nin":
            return not any(same(found, each) for each in wanted)
        case "eq":
            return same(found, wanted)
        case "in":
            return any(same(found, each) for each in wanted)
        case "contains":
            return _contains(found, wanted)
        case "icontains":
            return _contains(_folded(found), _folded(wanted))
        case _:
            return _ordered(found, wanted) and _ORDER[op](found, wanted)


_ORDER: Final[dict[str, Callable[[Any, Any], bool]]] = {
    "gt": operator.gt, "gte": operator.ge, "lt": operator.lt, "lte": operator.le,
}  # fmt: skip


def _ordered(found: Any, wanted: Any) -> bool:
    for kind in (str, datetime):
        if isinstance(found, kind) or isinstance(wanted, kind):
            return isinstance(found, kind) and isinstance(wanted, kind)
    return _is_number(found) and _is_number(wanted)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def same(found: Any, wanted: Any) -> bool:
    """Deep equality in which true and 1 differ, as they do in JSON."""
    if isinstance(found, bool) or isinstance(wanted, bool):
        return found is wanted
    if isinstance(found, Mapping) and isinstance(wanted, Mapping):
        a, b = cast("Mapping[str, Any]", found), cast("Mapping[str, Any]", wanted)
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    if _is_list(found) and _is_list(wanted):
        return len(found) == len(wanted) and all(map(same, found, wanted))
    return bool(found == wanted)


def _is_list(value: Any) -> TypeGuard[Sequence[Any]]:
    return isinstance(value, Sequence) and not isinstance(value, str | bytes)


def _contains(found: Any, wanted: Any) -> bool:
    if isinstance(found, str):
        return isinstance(wanted, str) and wanted in found
    return _is_list(found) and any(same(each, wanted) for each in found)


def _folded(value: Any) -> Any:
    if isinstance(value, str):
        return value.casefold()
    return [_folded(each) for each in value] if _is_list(value) else value
