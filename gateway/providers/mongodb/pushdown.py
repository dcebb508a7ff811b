"""Filters as MongoDB queries: as much of one as the server can test without ever losing a record that passes `matches`.

A Clause is true for every record that passes, and `exact` where it is true for no other. The reader tests what comes
back with `matches` in any case; only exact ones are negated. None means that the server cannot tell.

Conditions on metadata are not exact: MongoDB also looks into lists, and takes what is missing for null. Not told at all
are lists and documents as values (MongoDB compares the order of keys), folded case, and what BSON cannot hold.
"""

import math
import re
from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final, cast

import msgspec

from gateway.domain.filters import All, Compare, Field, Filter, Some
from gateway.providers.mongodb.layout import NEVER, escaped, micros

_ORDERED: Final = {"gt": "$gt", "gte": "$gte", "lt": "$lt", "lte": "$lte"}
_TIMES: Final[dict[Field, str]] = {"created_at": "created", "updated_at": "updated", "expires_at": "expires"}
_TEXTS: Final[dict[Field, str]] = {"id": "id", "text": "content", "role": "role"}
_MAX_INT: Final = 2**53
_LONGEST: Final = 2_000  # characters in a pattern


class Clause(msgspec.Struct, frozen=True):
    query: dict[str, Any]
    exact: bool = True


_YES: Final = Clause({})
_NO: Final = Clause({"_id": {"$in": []}})


def pushed(test: Filter | None) -> Clause:
    """What the server is to test of a filter; of some that is nothing."""
    if test is None:
        return _YES
    return _clause(test) or Clause({}, exact=False)


def _clause(test: Filter) -> Clause | None:
    if isinstance(test, Compare):
        return _compare(test)
    if isinstance(test, All):
        found = [_clause(part) for part in test.parts]
        told = [part for part in found if part is not None]
        exact = len(told) == len(found) and all(part.exact for part in told)
        queries = [part.query for part in told if part.query]
        return Clause({"$and": queries} if queries else {}, exact) if told or not found else None
    if isinstance(test, Some):
        return _some(_clause(part) for part in test.parts)
    return _negated(_clause(test.part))


def _compare(test: Compare) -> Clause | None:
    if test.op == "ne":
        return _negated(_compare(msgspec.structs.replace(test, op="eq")))
    if test.op == "nin":
        return _negated(_compare(msgspec.structs.replace(test, op="in")))
    if test.op == "in":
        return _some(_compare(Compare("eq", value, test.field, test.path)) for value in cast("list[Any]", test.value))
    match test.field:
        case None:
            return _metadata(test)
        case "id" | "text" | "role":
            return _text(test, _TEXTS[test.field])
        case "user" | "agent" | "run":
            return _part(test, test.field)
        case _:
            return _time(test, _TIMES[test.field])


def _text(test: Compare, name: str) -> Clause | None:
    """A field that is text, and not there where it would be empty and that means nothing."""
    if test.op == "exists":
        return Clause({name: {"$exists": bool(test.value)}})
    condition = _worded(test)
    return condition if condition is None or condition is _NO else Clause({name: condition.query}, condition.exact)


def _part(test: Compare, part: str) -> Clause | None:
    """A part of the scope, or where it has none what the provenance notes."""
    own, noted = f"{part}_id", f"provenance.{part}"
    if test.op == "exists":
        return Clause({"$or" if test.value else "$nor": [{own: {"$gt": ""}}, {noted: {"$exists": True}}]})
    condition = _worded(test)
    if condition is None or condition is _NO:
        return condition
    owned = {"$and": [{own: {"$gt": ""}}, {own: condition.query}]}
    return Clause({"$or": [owned, {own: "", noted: condition.query}]}, condition.exact)


def _worded(test: Compare) -> Clause | None:
    """The condition on a text, to be put under the name of its field."""
    value = test.value
    if test.op == "icontains":
        return None
    if not isinstance(value, str):
        return _NO
    if not _holdable(value):
        return None
    if test.op == "eq":
        return Clause({"$eq": value})
    if test.op == "contains":
        return Clause({"$regex": re.escape(value)}) if len(value) <= _LONGEST else None
    return Clause({_ORDERED[test.op]: value})


def _time(test: Compare, name: str) -> Clause | None:
    there = {name: {"$lt": NEVER}}
    if test.op == "exists":
        return Clause(there if test.value else {"$nor": [there]})
    if not isinstance(test.value, datetime) or test.value.tzinfo is None:
        return None
    if test.op == "eq":
        return Clause({name: micros(test.value)})
    if test.op in _ORDERED:
        return Clause({"$and": [there, {name: {_ORDERED[test.op]: micros(test.value)}}]})
    return None


def _metadata(test: Compare) -> Clause | None:
    if not test.path or not all(map(_holdable, test.path)):
        return None
    name = ".".join(("metadata", *map(escaped, test.path)))
    value = test.value
    match test.op:
        case "exists":
            # The metadata is never a list: with one step MongoDB's answer is ours, with more it may find too much.
            one = len(test.path) == 1
            return Clause({name: {"$exists": bool(value)}}, exact=one) if one or value else None
        case "eq":
            return Clause({name: {"$eq": value}}, exact=False) if _comparable(value) else None
        case "contains":
            if isinstance(value, str) and len(value) <= _LONGEST:
                return Clause({name: {"$regex": re.escape(value)}}, exact=False) if _holdable(value) else None
            return Clause({name: {"$eq": value}}, exact=False) if _comparable(value) else None
        case "gt" | "gte" | "lt" | "lte":
            if value is None or isinstance(value, bool) or not _comparable(value):
                return None
            return Clause({name: {_ORDERED[test.op]: value}}, exact=False)
        case _:
            return None


def _comparable(value: Any) -> bool:
    """Whether MongoDB holds the value as we do, and finds every one that equals it."""
    if isinstance(value, str):
        return _holdable(value)
    if isinstance(value, int):
        return abs(value) <= _MAX_INT
    return value is None or (isinstance(value, float) and math.isfinite(value))


def _holdable(value: str) -> bool:
    """A pattern ends at NUL, a lone surrogate has no UTF-8."""
    try:
        return "\0" not in value and bool(value.encode() or True)
    except UnicodeEncodeError:
        return False


def _some(parts: Iterable[Clause | None]) -> Clause | None:
    told: list[Clause] = []
    for part in parts:
        if part is None:
            return None
        told.append(part)
    exact = all(part.exact for part in told)
    if any(not part.query for part in told):
        return Clause({}, exact)
    queries = [part.query for part in told]
    return Clause({"$or": queries}, exact) if queries else _NO


def _negated(part: Clause | None) -> Clause | None:
    if part is None or not part.exact:
        return None
    return Clause({"$nor": [part.query]}) if part.query else _NO
