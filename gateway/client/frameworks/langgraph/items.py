"""How an item of LangGraph's store lies in a gateway: as a memory whose text is what is to be found by, with the value
beside it. Under `langgraph` in its metadata stand its namespace, its key, and of the value what filters can ask for.
"""

import hashlib
import math
import struct
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, TypeGuard, cast

import msgspec
from langgraph.store.base import Item, PutOp, SearchItem, get_text_at_path

from gateway.client import replies

OURS: Final = "langgraph"
_ROLE: Final = "item"
_MAX_INT: Final = 2**53 - 1
_MAX_TEXT: Final = 256  # characters of a value that a filter may ask for
_MAX_KEYS: Final = 100
_MAX_DEPTH: Final = 8

Namespace = tuple[str, ...]


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """What stands in the metadata. `whole`: every value that a filter can name is there."""

    id: str
    key: str
    ns: dict[str, str]  # by place: {"0": "users", "1": "ann"}
    indexed: bool
    whole: bool
    value: dict[str, Any]
    ttl: float | None = None  # minutes

    @property
    def namespace(self) -> Namespace:
        return tuple(self.ns[str(at)] for at in range(len(self.ns)))


def identity(namespace: Namespace, key: str) -> str:
    """The same for the same namespace and key, and for no others."""
    digest = hashlib.sha256()
    for part in (*namespace, key):
        digest.update(struct.pack(">I", len(part.encode())))
        digest.update(part.encode())
    return digest.hexdigest()


def content(op: PutOp, fields: Sequence[str] | None) -> list[dict[str, Any]]:
    """One message: its text is what the item is found by, and its value goes along untouched."""
    return [{"role": _ROLE, "content": _text(op, fields), "value": op.value}]


def told(op: PutOp) -> dict[str, Any]:
    left = [_MAX_KEYS]
    value, whole = _asked_for(op.value or {}, 0, left)
    made = Told(
        id=identity(op.namespace, op.key),
        key=op.key,
        ns={str(at): label for at, label in enumerate(op.namespace)},
        indexed=op.index is not False,
        whole=whole,
        value=value,
        ttl=op.ttl,
    )
    return {OURS: msgspec.to_builtins(made)}


def told_of(memory: replies.Memory | replies.Found) -> Told:
    return msgspec.convert(memory.metadata[OURS], Told)


def value_of(memory: replies.Memory | replies.Found) -> dict[str, Any]:
    """What was put. A backend that keeps text alone has no more of it than the text."""
    kept: Any = memory.content
    if isinstance(kept, list) and kept and isinstance(kept[0], dict):
        found: Any = cast("dict[str, Any]", kept[0]).get("value")
        if isinstance(found, dict):
            return cast("dict[str, Any]", found)
    return {"text": kept}


def item(memory: replies.Memory | replies.Found) -> Item:
    about = told_of(memory)
    return Item(
        value=value_of(memory),
        key=about.key,
        namespace=about.namespace,
        created_at=memory.created_at,
        updated_at=memory.updated_at,
    )


def search_item(memory: replies.Memory | replies.Found) -> SearchItem:
    about = told_of(memory)
    return SearchItem(
        namespace=about.namespace,
        key=about.key,
        value=value_of(memory),
        created_at=memory.created_at,
        updated_at=memory.updated_at,
        score=memory.score if isinstance(memory, replies.Found) else None,
    )


def filters(prefix: Namespace, wanted: Mapping[str, Any] | None, *, indexed: bool) -> dict[str, Any]:
    """What the gateway can decide: the prefix, and of the filter what compares single values."""
    tests: list[dict[str, Any]] = [{f"{OURS}.id": {"exists": True}}]
    tests += [{f"{OURS}.ns.{at}": label} for at, label in enumerate(prefix) if label != "*"]
    if indexed:
        tests.append({f"{OURS}.indexed": True})
    pushed = list(_pushed(wanted or {}, f"{OURS}.value"))
    if pushed:
        tests.append({"OR": [{"AND": pushed}, {f"{OURS}.whole": False}]})
    return {"AND": tests}


def passes(value: Any, wanted: Any) -> bool:
    """LangGraph's own rule: `$` operators, objects key by key, lists in whole, anything else by equality."""
    if isinstance(wanted, Mapping):
        tests = cast("Mapping[str, Any]", wanted)
        if any(key.startswith("$") for key in tests):
            return all(_compares(value, operator, than) for operator, than in tests.items())
        return isinstance(value, Mapping) and all(
            passes(cast("Mapping[str, Any]", value).get(key), each) for key, each in tests.items()
        )
    if isinstance(wanted, list | tuple):
        many = cast("Sequence[Any]", wanted)
        if not isinstance(value, list | tuple):
            return False
        found = cast("Sequence[Any]", value)
        return len(found) == len(many) and all(map(passes, found, many))
    return value == wanted


_OPERATORS: Final = {"$eq": "eq", "$ne": "ne", "$gt": "gt", "$gte": "gte", "$lt": "lt", "$lte": "lte"}


def _compares(value: Any, operator: str, than: Any) -> bool:
    if operator not in _OPERATORS:
        raise ValueError(f"no operator {operator!r}; known: {', '.join(_OPERATORS)}")
    if operator in ("$eq", "$ne"):
        return (value == than) is (operator == "$eq")
    if not (_numbers(value, than) or (isinstance(value, str) and isinstance(than, str))):
        return False
    found: Any = value
    match operator:
        case "$gt":
            return found > than
        case "$gte":
            return found >= than
        case "$lt":
            return found < than
        case _:
            return found <= than


def _pushed(wanted: Mapping[str, Any], at: str) -> Iterator[dict[str, Any]]:
    for key, value in wanted.items():
        if not _named(key):
            continue
        path = f"{at}.{key}"
        if isinstance(value, Mapping):
            tests = cast("Mapping[str, Any]", value)
            if any(each.startswith("$") for each in tests):
                for operator, than in tests.items():
                    if operator in _OPERATORS and _single(than):
                        yield {path: {_OPERATORS[operator]: than}}
            else:
                yield from _pushed(tests, path)
        elif _single(value):
            yield {path: {"eq": value}}


def _asked_for(value: Mapping[str, Any], depth: int, left: list[int]) -> tuple[dict[str, Any], bool]:
    """The single values of it, and whether that is all a filter could ask for. Lists it cannot ask for."""
    found: dict[str, Any] = {}
    whole = True
    for key, each in value.items():
        inner = isinstance(each, Mapping)
        if not inner and (each is None or isinstance(each, list | tuple)):
            continue
        left[0] -= 1
        if not _named(key) or left[0] < 0 or depth >= _MAX_DEPTH or not (inner or _single(each)):
            whole = False
        elif inner:
            found[key], all_ = _asked_for(cast("Mapping[str, Any]", each), depth + 1, left)
            whole = whole and all_
        else:
            found[key] = each
    return found, whole


def _named(key: Any) -> TypeGuard[str]:
    """Whether a filter can name this key: a dot would lead into it."""
    return isinstance(key, str) and key != "" and "." not in key and "\0" not in key


def _single(value: Any) -> bool:
    if isinstance(value, str):
        return len(value) <= _MAX_TEXT and "\0" not in value
    if isinstance(value, int):
        return abs(value) <= _MAX_INT
    return isinstance(value, float) and math.isfinite(value)


def _numbers(*values: Any) -> bool:
    return all(isinstance(value, int | float) and not isinstance(value, bool) for value in values)


def _text(op: PutOp, fields: Sequence[str] | None) -> str:
    if op.index is False:
        return op.key  # no search looks at it
    paths = op.index if op.index is not None else fields
    if paths is None:
        return "\n".join(_leaves(op.value))
    return "\n".join(text for path in paths for text in get_text_at_path(op.value, path))


def _leaves(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        for each in cast("Mapping[str, Any]", value).values():
            yield from _leaves(each)
    elif isinstance(value, list | tuple):
        for each in cast("Sequence[Any]", value):
            yield from _leaves(each)
    elif value is not None and not isinstance(value, bool):
        yield str(value)


def expiry(now: datetime, minutes: float) -> datetime:
    return datetime.fromtimestamp(now.timestamp() + 60 * minutes, now.tzinfo)
