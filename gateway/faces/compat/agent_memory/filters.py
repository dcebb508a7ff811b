"""Filters of a search, in our grammar, and whose memories they fix.

    {"user_id": {"eq": "ada"}, "topics": {"any": ["food"]}, "created_at": {"between": ["2026-01-01", "2026-02-01"]}}

Clients and server of agent-memory differ in the names of operators (`ne` and `not_eq`, `any` and `in_`): both are known.
"""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from gateway.domain.errors import Malformed
from gateway.domain.filtering import read_time
from gateway.faces.compat.agent_memory.records import SEMANTIC, moment
from gateway.faces.compat.agent_memory.whose import Whose

OWNERS: Final = {"user_id": "user", "namespace": "agent", "session_id": "run"}
_LISTED: Final = ("topics", "entities")
_TEXTS: Final = ("memory_type", "extraction_strategy")
_TIMES: Final = {"created_at": "created_at", "last_accessed": "updated_at", "event_date": "event_date"}
_NAMES: Final = {"not_eq": "ne", "in_": "any", "in": "any", "not_in": "none", "nin": "none"}
_LAST: Final = "\U0010ffff"  # after every text that begins with what stands before it
Raw = dict[str, Any]


class Filters(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Each an object of operators."""

    user_id: Raw | None = None
    namespace: Raw | None = None
    session_id: Raw | None = None
    topics: Raw | None = None
    entities: Raw | None = None
    memory_type: Raw | None = None
    extraction_strategy: Raw | None = None
    created_at: Raw | None = None
    last_accessed: Raw | None = None
    event_date: Raw | None = None


def read(filters: Filters) -> tuple[Whose, list[Raw]]:
    """The owners that every memory which passes has, and what else must hold."""
    pins: dict[str, str] = {}
    tests: list[Raw] = []
    for name in Filters.__struct_fields__:
        asked: Raw | None = getattr(filters, name)
        for raw, value in (asked or {}).items():
            if value is None:
                continue
            op = _NAMES.get(raw, raw)
            if name in OWNERS and op == "eq" and isinstance(value, str) and value:
                if pins.setdefault(OWNERS[name], value) != value:
                    raise Malformed(f"{name} is said to be two things", code="bad_filter", at=name)
            else:
                tests.append(_test(name, op, value))
    return Whose(**pins), tests


def _test(name: str, op: str, value: Any) -> Raw:
    if name in _TIMES:
        return _time(name, op, value)
    if name in _LISTED:
        return _list(name, op, value)
    path = OWNERS.get(name, f"metadata.{name}")
    found = _text(name, path, op, value)
    if name == "memory_type" and SEMANTIC in (value if isinstance(value, list) else [value]):
        # What other clients have added says no type; it is shown as this one.
        unsaid: Raw = {path: {"exists": op in ("ne", "none")}}
        return {"AND": [found, unsaid]} if op in ("ne", "none") else {"OR": [found, unsaid]}
    return found


def _text(name: str, path: str, op: str, value: Any) -> Raw:
    match op:
        case "eq" | "ne" if isinstance(value, str):
            return {path: {op: value}}
        case "any" | "none":
            return {path: {"in" if op == "any" else "nin": _texts(name, value)}}
        case "all":
            return {"AND": [{path: {"eq": each}} for each in _texts(name, value)]}
        case "startswith" if isinstance(value, str) and value:
            return {"AND": [{path: {"gte": value}}, {path: {"lt": value + _LAST}}]}
        case _:
            raise _unknown(name, op)


def _list(name: str, op: str, value: Any) -> Raw:
    path = f"metadata.{name}"
    match op:
        case "eq" | "ne" if isinstance(value, str):
            found: Raw = {path: {"contains": value}}
            return found if op == "eq" else {"NOT": found}
        case "any" | "none":
            found = {"OR": [{path: {"contains": each}} for each in _texts(name, value)]}
            return found if op == "any" else {"NOT": found}
        case "all":
            return {"AND": [{path: {"contains": each}} for each in _texts(name, value)]}
        case _:
            raise _unknown(name, op)


def _time(name: str, op: str, value: Any) -> Raw:
    path = _TIMES[name]
    match op:
        case "eq" | "ne" | "gt" | "gte" | "lt" | "lte":
            return {path: {op: _moment(name, value)}}
        case "between":
            ends = [_moment(name, each) for each in _values(name, value)]
            if len(ends) != 2:
                raise Malformed(f"{name}: between takes two times", code="bad_filter", at=name)
            return {"AND": [{path: {"gte": ends[0]}}, {path: {"lte": ends[1]}}]}
        case _:
            raise _unknown(name, op)


def _moment(name: str, value: Any) -> str:
    return moment(read_time(value, name)) or ""


def _texts(name: str, value: Any) -> list[Any]:
    values = _values(name, value)
    if not values or not all(isinstance(each, str) for each in values):
        raise Malformed(f"{name}: a list of texts with something in it is wanted", code="bad_filter", at=name)
    return values


def _values(name: str, value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise Malformed(f"{name}: a list is wanted", code="bad_filter", at=name)
    return value  # pyright: ignore[reportUnknownVariableType] -- JSON that a client sent


def _unknown(name: str, op: str) -> Malformed:
    return Malformed(f"{name}: no {op!r} for such a value here", code="bad_operator", at=name)


def together(tests: list[Raw]) -> Mapping[str, Any]:
    return tests[0] if len(tests) == 1 else {"AND": tests} if tests else {}
