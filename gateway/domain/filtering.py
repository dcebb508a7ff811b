"""Reading filters: from the JSON that clients send and the YAML that operators write, to the tree in `filters`.

    {"category": "food"}                                  a bare key is a metadata path, a bare value means eq
    {"created_at": {"gte": "2026-01-01T00:00:00Z"}}       fields of the record go by their names
    {"metadata.role": {"in": ["a", "b"]}}                 `metadata.` reaches a key that a field name hides
    {"OR": [{"n": {"gt": 3}}, {"NOT": {"tags": {"contains": "x"}}}]}

Keys beside each other must all hold. Metadata keys with dots in them cannot be reached.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final, cast

from gateway.domain.errors import Invalid
from gateway.domain.filters import FIELDS, OPS, TIMES, All, Compare, Filter, Not, Op, Some
from gateway.domain.portable import check_json

MAX_NODES: Final = 100
MAX_DEPTH: Final = 8
MAX_LIST: Final = 500


def read_filter(raw: Any, at: str = "filter") -> Filter | None:
    """The filter that `raw` says, None for an empty one; Invalid with the place of the first thing wrong."""
    check_json(raw, at)
    if not raw and (raw is None or isinstance(raw, Mapping)):
        return None
    return _read(raw, at, 0, [MAX_NODES])


def _read(raw: Any, at: str, depth: int, budget: list[int]) -> Filter:
    if depth > MAX_DEPTH:
        raise Invalid(f"{at} nests deeper than {MAX_DEPTH} levels", code="filter_too_deep", at=at)
    if not isinstance(raw, Mapping):
        raise Invalid(f"{at} must be an object", code="bad_filter", at=at)
    parts: list[Filter] = []
    for key, value in cast("Mapping[str, Any]", raw).items():
        budget[0] -= 1
        if budget[0] < 0:
            raise Invalid(f"{at} has more than {MAX_NODES} conditions", code="filter_too_large", at=at)
        parts.extend(_entry(key, value, f"{at}.{key}", depth, budget))
    return parts[0] if len(parts) == 1 else All(tuple(parts))


def _entry(key: str, value: Any, at: str, depth: int, budget: list[int]) -> list[Filter]:
    match key:
        case "AND" | "OR":
            if not isinstance(value, Sequence) or isinstance(value, str):
                raise Invalid(f"{at} must be a list", code="bad_filter", at=at)
            inner = tuple(
                _read(each, f"{at}[{n}]", depth + 1, budget) for n, each in enumerate(cast("Sequence[Any]", value))
            )
            return [All(inner) if key == "AND" else Some(inner)]
        case "NOT":
            items: list[Any] = cast("list[Any]", value) if isinstance(value, list) else [value]
            return [Not(Some(tuple(_read(each, at, depth + 1, budget) for each in items)))]
        case _:
            return [_compare(key, op, wanted, at) for op, wanted in _tests(value, at)]


def _tests(value: Any, at: str) -> list[tuple[Op, Any]]:
    """The operators of one key. An object is operators if any of its keys is one, else a value to equal."""
    if value == "*":
        return [("exists", True)]
    if not isinstance(value, Mapping):
        return [("eq", value)]
    given = cast("Mapping[str, Any]", value)
    known = [key for key in given if key in OPS]
    if given and not known:
        wrong = next(iter(given))
        raise Invalid(f"{at}: {wrong!r} is no operator; known: {', '.join(OPS)}", code="bad_operator", at=at)
    for key in given:
        if key not in OPS:
            raise Invalid(f"{at}: {key!r} is no operator; known: {', '.join(OPS)}", code="bad_operator", at=at)
    if not given:
        raise Invalid(f"{at} names no operator", code="bad_filter", at=at)
    return [(cast("Op", key), wanted) for key, wanted in given.items()]


def _compare(key: str, op: Op, wanted: Any, at: str) -> Compare:
    if op in ("in", "nin"):
        if not isinstance(wanted, list) or len(cast("list[Any]", wanted)) > MAX_LIST:
            raise Invalid(f"{at}.{op} takes a list of at most {MAX_LIST} values", code="bad_filter", at=at)
    elif op == "exists":
        if not isinstance(wanted, bool):
            raise Invalid(f"{at}.exists takes true or false", code="bad_filter", at=at)
    elif op == "icontains" and not isinstance(wanted, str):
        raise Invalid(f"{at}.icontains takes a text", code="bad_filter", at=at)
    for field in FIELDS:
        if key == field:
            return Compare(op, _time(wanted, op, at) if key in TIMES else wanted, field=field)
    path = tuple(key.removeprefix("metadata.").split("."))
    if not all(path):
        raise Invalid(f"{at}: {key!r} is no path", code="bad_filter", at=at)
    return Compare(op, wanted, path=path)


def _time(wanted: Any, op: Op, at: str) -> Any:
    if op == "exists":
        return wanted
    if op in ("contains", "icontains"):
        raise Invalid(f"{at}: a time cannot be searched with {op}", code="bad_filter", at=at)
    if op in ("in", "nin"):
        return [read_time(each, at) for each in cast("list[Any]", wanted)]
    return read_time(wanted, at)


def read_time(value: Any, at: str) -> datetime:
    """ISO 8601; without an offset it is UTC; a number is seconds since 1970."""
    try:
        if isinstance(value, str):
            read = datetime.fromisoformat(value)
        elif isinstance(value, int | float) and not isinstance(value, bool):
            read = datetime.fromtimestamp(value, UTC)
        else:
            raise ValueError
        return (read if read.tzinfo else read.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError, OSError):
        raise Invalid(f"{at} is not a time such as 2026-01-31T12:00:00Z", code="bad_time", at=at) from None
