"""mem0's filters in our grammar, and whose memories they are about.

    {"user_id": "ada"}                                           whose; `*` is anyone that there is
    {"AND": [{"user_id": "ada"}, {"created_at": {"gte": ...}}]}  OR and NOT likewise; keys beside each other all hold
    {"metadata": {"topic": "food", "n": {"gt": 3}}}              a value, or operators on it
    {"categories": {"in": ["food"]}}, {"keywords": {"icontains": "tea"}}, {"memory_ids": ["..."]}

Any other key is refused; the open server takes `role` for that of the message, and the rest for keys of the metadata.
"""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from gateway.domain.errors import Malformed
from gateway.domain.filters import OPS
from gateway.faces.compat.mem0.asking import ENTITIES, is_list, is_object

APP: Final = "app_id"
_TIMES: Final = {"created_at": "created_at", "updated_at": "updated_at", "timestamp": "created_at"}
_SAID: Final = {"role": "role"}  # which mem0's library keeps beside what a caller notes
_JOINED: Final = ("AND", "OR", "NOT")
_DEPTH: Final = 8
_POSITIVE: Final = frozenset({"eq", "in"})
_LISTED: Final = {"in": "OR", "nin": "NOT", "ne": "NOT"}
Raw = dict[str, Any]


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """`user`, `agent` and `run` are what every memory that passes has, "" where the filter leaves it open; they are not
    in `rest`. `scoped` says that the filter names, one way or another, whose memories are meant."""

    user: str = ""
    agent: str = ""
    run: str = ""
    rest: Raw = {}
    scoped: bool = False


def wanted(raw: Any, *, bare: bool = False) -> Wanted:
    """What the filter says; 400 with words for what it could not. `bare`: unknown keys are those of the metadata."""
    if raw is None:
        return Wanted()
    if not is_object(raw):
        raise Malformed("filters must be an object", code="bad_filter", at="filters")
    pins: dict[str, str] = {}
    rest = _all(_Reading(pins, bare=bare).conjunction(raw, 0))
    return Wanted(**pins, rest=rest, scoped=_names_owners(raw))


class _Reading:
    def __init__(self, pins: dict[str, str], *, bare: bool) -> None:
        self._pins = pins
        self._bare = bare
        self._fields = {**_TIMES, **_SAID} if bare else _TIMES

    def conjunction(self, raw: Mapping[str, Any], depth: int) -> list[Raw]:
        """What must hold together; what fixes an owner is noted and left out."""
        parts: list[Raw] = []
        for key, value in raw.items():
            if key == "AND" and is_list(value):
                for each in _objects(value, key, depth):
                    parts += self.conjunction(each, depth + 1)
            elif key in ENTITIES and (fixed := _fixed(value)) and self._pins.get(ENTITIES[key], fixed) == fixed:
                self._pins[ENTITIES[key]] = fixed
            else:
                parts.append(self._entry(key, value, depth))
        return parts

    def _entry(self, key: str, value: Any, depth: int) -> Raw:
        if key in _JOINED:
            inner: list[Any] = value if is_list(value) else [value]
            return {key: [self._object(each, depth + 1) for each in _objects(inner, key, depth)]}
        if key in ENTITIES:
            return {ENTITIES[key]: _entity(value)}
        if key == APP:
            return {f"metadata.{APP}": _entity(value)}
        if key in self._fields:
            return {self._fields[key]: value}
        match key:
            case "categories":
                return _categories(value)
            case "keywords":
                return {"text": _operators(value, "icontains")}
            case "memory_ids":
                return {"id": _operators(value, "in")}
            case "metadata" if is_object(value):
                return _all([_metadata(name, each) for name, each in value.items()])
            case _ if self._bare and key != "metadata":
                return _metadata(key, value)
            case _:
                known = ", ".join(
                    (*_JOINED, *ENTITIES, APP, *_TIMES, "categories", "metadata", "keywords", "memory_ids")
                )
                raise Malformed(f"filters: {key!r} is not known; known: {known}", code="unknown_filter", at=key)

    def _object(self, raw: Mapping[str, Any], depth: int) -> Raw:
        return _all([self._entry(key, value, depth) for key, value in raw.items()])


def _all(parts: list[Raw]) -> Raw:
    return parts[0] if len(parts) == 1 else {"AND": parts} if parts else {}


def _objects(values: list[Any], key: str, depth: int) -> list[Mapping[str, Any]]:
    if depth >= _DEPTH:
        raise Malformed(f"filters nest deeper than {_DEPTH} levels", code="filter_too_deep", at=key)
    for each in values:
        if not is_object(each) or not each:
            raise Malformed(f"filters: {key} takes a list of objects", code="bad_filter", at=key)
    return values


def _fixed(value: Any) -> str:
    """The one owner that this allows, else ""."""
    if is_object(value):
        asked = value
        value = asked.get("eq") if len(asked) == 1 else None
    return value if isinstance(value, str) and value != "*" else ""


def _entity(value: Any) -> Any:
    if value is None:
        return {"exists": False}
    if is_list(value):
        return {"in": value}
    if not isinstance(value, str) and not is_object(value):
        raise Malformed("filters: ids are texts", code="bad_filter")
    return value


def _operators(value: Any, default: str) -> Any:
    return value if is_object(value) else {default: [value] if default == "in" and isinstance(value, str) else value}


def _categories(value: Any) -> Raw:
    """A memory has several: `in` asks for any of those named."""
    asked = value if is_object(value) else {"in": value}
    parts: list[Raw] = []
    for op, names in asked.items():
        if op not in ("in", "nin", "contains", "icontains", "eq", "ne"):
            raise Malformed(f"filters: categories knows no {op!r}", code="bad_operator", at="categories")
        several = names if is_list(names) else [names]
        found: list[Raw] = [
            {"metadata.categories": {"icontains" if op == "icontains" else "contains": each}} for each in several
        ]
        parts.append({_LISTED.get(op, "AND"): found})
    return _all(parts)


def _metadata(key: str, value: Any) -> Raw:
    """Our own grammar has the same operators; an object without any is a value to equal."""
    if is_object(value) and not set(value) & set(OPS):
        value = {"eq": value}
    return {f"metadata.{key}": value}


def _names_owners(raw: Mapping[str, Any]) -> bool:
    """Whether nothing passes that belongs to nobody who is named: an unlimited filter is no filter."""
    for key, value in raw.items():
        if key in ENTITIES or key == APP:
            if (isinstance(value, str) and value) or (is_list(value) and value):
                return True
            if is_object(value) and _POSITIVE & set(value):
                return True
        elif key in ("AND", "OR") and is_list(value) and value:
            named = [is_object(each) and _names_owners(each) for each in value]
            if any(named) if key == "AND" else all(named):
                return True
    return False


def scoped(found: Wanted, *, bound: bool) -> Wanted:
    """The same, or Malformed where it says nothing about whose memories are meant and no credential does."""
    if not found.scoped and not bound:
        names = ", ".join((*ENTITIES, APP))
        raise Malformed(f"filters must name at least one of {names}", code="missing_scope_part", at="filters")
    return found
