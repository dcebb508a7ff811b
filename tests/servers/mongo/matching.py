"""Queries as functions of a document. What is not known here is refused, never let through."""

import operator
import re
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias, cast

from .values import MISSING, candidates, key, rank
from .wire import Refused

Test: TypeAlias = Callable[[dict[str, Any]], bool]
ValueTest: TypeAlias = Callable[[Any], bool]

_ORDER: Final[dict[str, Callable[[Any, Any], bool]]] = {
    "$gt": operator.gt, "$gte": operator.ge, "$lt": operator.lt, "$lte": operator.le,
}  # fmt: skip
_OPPOSITE: Final = {"$ne": "$eq", "$nin": "$in"}


def compiled(query: Mapping[str, Any]) -> Test:
    tests = [_entry(name, wanted) for name, wanted in query.items()]
    return tests[0] if len(tests) == 1 else lambda document: all(test(document) for test in tests)


def fields(query: Mapping[str, Any]) -> set[str]:
    """The paths that a query asks about."""
    named: set[str] = set()
    for name, wanted in query.items():
        if name in ("$and", "$or", "$nor"):
            named.update(*(fields(part) for part in wanted))
        else:
            named.add(name)
    return named


def _entry(name: str, wanted: Any) -> Test:
    if name in ("$and", "$or", "$nor"):
        if not isinstance(wanted, list) or not wanted:
            raise Refused(2, f"{name} argument must be a non-empty array")
        parts = [compiled(part) for part in cast("list[dict[str, Any]]", wanted)]
        if name == "$and":
            return lambda document: all(part(document) for part in parts)
        if name == "$or":
            return lambda document: any(part(document) for part in parts)
        return lambda document: not any(part(document) for part in parts)
    if name.startswith("$"):
        raise Refused(2, f"unknown top level operator: {name}")
    path = name.split(".")
    if not all(path[1:]) or any(step.startswith("$") for step in path):
        raise Refused(2, f"{name!r} is no path")
    if not _is_operators(wanted):
        return _any(path, _operator("$eq", wanted))
    tests = [_condition(path, op, value, wanted) for op, value in wanted.items() if op != "$options"]
    return lambda document: all(test(document) for test in tests)


def _is_operators(wanted: Any) -> bool:
    return isinstance(wanted, dict) and next(iter(cast("dict[str, Any]", wanted)), "").startswith("$")


def _condition(path: list[str], op: str, value: Any, beside: Mapping[str, Any]) -> Test:
    if op in _OPPOSITE:
        test = _any(path, _operator(_OPPOSITE[op], value))
        return lambda document: not test(document)
    if op == "$not":
        inner = _entry(".".join(path), value)
        return lambda document: not inner(document)
    if op == "$exists":
        there = bool(value)
        return lambda document: any(each is not MISSING for each in candidates(document, path)) is there
    if op == "$regex":
        return _any(path, _regex(value, beside.get("$options", "")))
    return _any(path, _operator(op, value))


def _any(path: list[str], test: ValueTest) -> Test:
    return lambda document: any(test(each) for each in candidates(document, path))


def _operator(op: str, wanted: Any) -> ValueTest:
    if op == "$in":
        if not isinstance(wanted, list):
            raise Refused(2, "$in needs an array")
        keys = {key(each) for each in cast("list[Any]", wanted)}
        return lambda value: key(value) in keys
    sought = key(wanted)
    if op == "$eq":
        return lambda value: key(value) == sought
    if op in _ORDER:
        compare = _ORDER[op]
        return lambda value: value is not MISSING and rank(value) == sought[0] and compare(key(value), sought)
    raise Refused(2, f"unknown operator: {op}")


def _regex(pattern: Any, options: str) -> ValueTest:
    if not isinstance(pattern, str) or "\0" in pattern or len(pattern) > 16_384:
        raise Refused(2, "Regular expression is invalid")
    flags = 0
    for letter in options:
        flags |= {"i": re.IGNORECASE, "m": re.MULTILINE, "s": re.DOTALL, "x": re.VERBOSE}[letter]
    search = re.compile(pattern, flags).search
    return lambda value: isinstance(value, str) and search(value) is not None
