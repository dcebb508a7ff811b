"""LangGraph's filters of a value: in our grammar as far as it can decide, and the rest decided here.

{"topic": "food", "n": {"$gte": 3}, "inner": {"key": {"$ne": "x"}}}
"""

from collections.abc import Iterator
from typing import Any, Final

from gateway.domain.errors import Malformed
from gateway.faces.compat.langgraph.items import OURS, Namespace, Value, is_list, is_object, named, single

_OPERATORS: Final = {"$eq": "eq", "$ne": "ne", "$gt": "gt", "$gte": "gte", "$lt": "lt", "$lte": "lte"}
_DEPTH: Final = 8
ANY: Final = "*"


def ours(prefix: Namespace, wanted: Value | None, *, indexed: bool, wild: bool = False) -> dict[str, Any]:
    """The items whose namespace begins with these labels, each for itself, and of `wanted` what compares single values.

    `wild`: a label `*` is any.
    """
    tests: list[dict[str, Any]] = [{f"{OURS}.id": {"exists": True}}]
    tests += [
        {f"{OURS}.ns.{at}": {"exists": True} if wild and label == ANY else {"eq": label}}
        for at, label in enumerate(prefix)
    ]
    if indexed:
        tests.append({f"{OURS}.indexed": {"eq": True}})
    pushed = list(_pushed(wanted or {}, f"{OURS}.value"))
    if pushed:
        tests.append({"OR": [{"AND": pushed}, {f"{OURS}.whole": {"eq": False}}]})
    return {"AND": tests}


def check(wanted: Value, depth: int = 0) -> None:
    """Malformed where something in it would be understood by nobody."""
    if depth > _DEPTH:
        raise Malformed(f"filter nests deeper than {_DEPTH} levels", code="filter_too_deep", at="filter")
    operators = [key for key in wanted if key.startswith("$")]
    for key, value in wanted.items():
        if key.startswith("$") and (key not in _OPERATORS or depth == 0):
            raise Malformed(f"filter: no operator {key!r} here; known: {', '.join(_OPERATORS)}", code="bad_operator")
        if operators and not key.startswith("$"):
            raise Malformed(f"filter: {key!r} stands beside operators", code="bad_filter", at=key)
        if not operators and is_object(value):
            check(value, depth + 1)


def passes(value: Any, wanted: Any) -> bool:
    """LangGraph's own rule: `$` operators, objects key by key, lists in whole, anything else by equality."""
    if is_object(wanted):
        if any(key.startswith("$") for key in wanted):
            return all(_compares(value, operator, than) for operator, than in wanted.items())
        return is_object(value) and all(passes(value.get(key), each) for key, each in wanted.items())
    if is_list(wanted):
        return is_list(value) and len(value) == len(wanted) and all(map(passes, value, wanted))
    return value == wanted


def _compares(value: Any, operator: str, than: Any) -> bool:
    if operator in ("$eq", "$ne"):
        return (value == than) is (operator == "$eq")
    if not (_numbers(value, than) or (isinstance(value, str) and isinstance(than, str))):
        return False
    match operator:
        case "$gt":
            return value > than
        case "$gte":
            return value >= than
        case "$lt":
            return value < than
        case _:
            return value <= than


def _pushed(wanted: Value, at: str) -> Iterator[dict[str, Any]]:
    for key, value in wanted.items():
        if not named(key):
            continue
        path = f"{at}.{key}"
        if not is_object(value):
            if single(value):
                yield {path: {"eq": value}}
        elif any(each.startswith("$") for each in value):
            for operator, than in value.items():
                if single(than):
                    yield {path: {_OPERATORS[operator]: than}}
        else:
            yield from _pushed(value, path)


def _numbers(*values: Any) -> bool:
    return all(isinstance(value, int | float) and not isinstance(value, bool) for value in values)
