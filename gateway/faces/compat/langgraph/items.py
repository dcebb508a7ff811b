"""How an item of LangGraph's store lies here: as a memory whose text is what is to be found by, with the value beside it.

Under `langgraph` in its metadata stand its namespace, its key, and of the value what filters can ask for: the same as the
client's own adapter keeps, so that both see the same items. Knows no request.
"""

import hashlib
import math
import struct
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, TypeAlias, TypeGuard

import msgspec

from gateway.services.views import Found, Memory

OURS: Final = "langgraph"
_ROLE: Final = "item"
_MAX_INT: Final = 2**53 - 1
_MAX_TEXT: Final = 256  # characters of a value that a filter may ask for
_MAX_KEYS: Final = 100
_MAX_DEPTH: Final = 8

Namespace: TypeAlias = tuple[str, ...]
Value: TypeAlias = Mapping[str, Any]


class About(msgspec.Struct, frozen=True, kw_only=True):
    """What stands in the metadata. `whole`: every value that a filter can name is there."""

    id: str
    key: str
    ns: dict[str, str]  # by place: {"0": "users", "1": "ann"}; never joined, so no label can look like two
    indexed: bool
    whole: bool
    value: dict[str, Any]
    ttl: float | None = None  # minutes

    @property
    def namespace(self) -> Namespace:
        return tuple(self.ns[str(at)] for at in range(len(self.ns)))


def identity(parts: Sequence[str]) -> str:
    """The same for the same parts, and for no others."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(struct.pack(">I", len(part.encode())))
        digest.update(part.encode())
    return digest.hexdigest()


def content(key: str, value: Value, index: Sequence[str] | None, *, indexed: bool) -> msgspec.Raw:
    """One message: its text is what the item is found by, and its value goes along untouched."""
    text = _text(value, index) if indexed else key  # no search looks at that
    return msgspec.Raw(msgspec.json.encode([{"role": _ROLE, "content": text, "value": value}]))


def told(namespace: Namespace, key: str, value: Value, ttl: float | None, *, indexed: bool) -> dict[str, Any]:
    kept, whole = _asked_for(value, 0, [_MAX_KEYS])
    about = About(
        id=identity((*namespace, key)),
        key=key,
        ns={str(at): label for at, label in enumerate(namespace)},
        indexed=indexed,
        whole=whole,
        value=kept,
        ttl=ttl,
    )
    return {OURS: msgspec.to_builtins(about)}


def about(memory: Memory | Found) -> About:
    return msgspec.convert(memory.metadata[OURS], About)


def value_of(memory: Memory | Found) -> dict[str, Any]:
    """What was put. A backend that keeps text alone has no more of it than the text."""
    kept: Any = memory.content
    if isinstance(kept, msgspec.Raw):
        kept = msgspec.json.decode(kept)
    if is_list(kept) and kept and is_object(kept[0]) and is_object(kept[0].get("value")):
        return dict(kept[0]["value"])
    return {"text": kept}


def shown(memory: Memory | Found) -> dict[str, Any]:
    known = about(memory)
    item: dict[str, Any] = {
        "namespace": known.namespace,
        "key": known.key,
        "value": value_of(memory),
        "created_at": memory.created_at,
        "updated_at": memory.updated_at,
    }
    return {**item, "score": memory.score} if isinstance(memory, Found) else item


def is_object(value: Any) -> TypeGuard[Value]:
    return isinstance(value, Mapping)


def is_list(value: Any) -> TypeGuard[list[Any]]:
    return isinstance(value, list)


def named(key: Any) -> TypeGuard[str]:
    """Whether a filter can name this key: a dot would lead into it."""
    return isinstance(key, str) and key != "" and "." not in key and "\0" not in key


def single(value: Any) -> bool:
    """Whether a filter of ours can compare this."""
    if isinstance(value, str):
        return len(value) <= _MAX_TEXT and "\0" not in value
    if isinstance(value, int):
        return abs(value) <= _MAX_INT
    return isinstance(value, float) and math.isfinite(value)


def _asked_for(value: Value, depth: int, left: list[int]) -> tuple[dict[str, Any], bool]:
    """The single values of it, and whether that is all a filter could ask for. Lists it cannot ask for."""
    found: dict[str, Any] = {}
    whole = True
    for key, each in value.items():
        if each is None or is_list(each):
            continue
        left[0] -= 1
        if not named(key) or left[0] < 0 or depth >= _MAX_DEPTH or not (is_object(each) or single(each)):
            whole = False
        elif is_object(each):
            found[key], all_ = _asked_for(each, depth + 1, left)
            whole = whole and all_
        else:
            found[key] = each
    return found, whole


def _text(value: Value, index: Sequence[str] | None) -> str:
    if index is None:
        return "\n".join(_leaves(value))
    return "\n".join(text for path in index for text in _leaves(list(_at(value, path.replace("[", ".[").split(".")))))


def _at(value: Any, steps: Sequence[str]) -> Iterator[Any]:
    """What a path leads to: keys, `[0]`, `[-1]`, `[*]` or `*` for all, `$` for the whole."""
    if not steps or list(steps) == ["$"]:
        yield value
        return
    step, rest = steps[0], steps[1:]
    if step == "":
        yield from _at(value, rest)
    elif step in ("*", "[*]"):
        for each in value.values() if is_object(value) else value if is_list(value) else ():
            yield from _at(each, rest)
    elif step.startswith("[") and step.endswith("]"):
        number = step[1:-1]
        if is_list(value) and number.lstrip("-").isdecimal() and -len(value) <= int(number) < len(value):
            yield from _at(value[int(number)], rest)
    elif is_object(value) and step in value:
        yield from _at(value[step], rest)


def _leaves(value: Any) -> Iterator[str]:
    if is_object(value):
        for each in value.values():
            yield from _leaves(each)
    elif is_list(value):
        for each in value:
            yield from _leaves(each)
    elif value is not None and not isinstance(value, bool):
        yield str(value)
