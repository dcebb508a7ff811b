"""How MongoDB compares values and follows paths: types in their order, numbers as numbers, lists element by element."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, Final, cast

from bson.binary import Binary
from bson.objectid import ObjectId


class _Missing:
    pass


MISSING: Final = _Missing()


def rank(value: Any) -> int:
    """The place of the value's type in the order of types. Values of different ranks are never equal."""
    if value is None or value is MISSING:
        return 1
    if isinstance(value, bool):
        return 8
    if isinstance(value, int | float):
        return 2
    for kind, place in ((str, 3), (dict, 4), (list, 5), (bytes, 6), (ObjectId, 7), (datetime, 9)):
        if isinstance(value, kind):
            return place
    raise TypeError(f"values of type {type(value).__name__} are not offered here")


def key(value: Any) -> tuple[Any, ...]:
    """Sorts and equals as the value does."""
    place = rank(value)
    if place == 1:
        return (1,)
    if place == 4:
        held = cast("dict[str, Any]", value)
        return (4, tuple((rank(each), name, key(each)) for name, each in held.items()))
    if place == 5:
        return (5, tuple(map(key, value)))
    if place == 6:
        return (6, len(value), value.subtype if isinstance(value, Binary) else 0, bytes(value))
    return (place, value)  # text by code point, which is the order of its UTF-8


def found(value: Any, path: Sequence[str]) -> Iterator[Any]:
    """What a path leads to: through lists too, by number and by each element that is a document."""
    if not path:
        yield value
    elif isinstance(value, dict):
        held = cast("dict[str, Any]", value)
        if path[0] in held:
            yield from found(held[path[0]], path[1:])
        else:
            yield MISSING
    elif isinstance(value, list):
        elements = cast("list[Any]", value)
        if path[0].isdigit() and int(path[0]) < len(elements):
            yield from found(elements[int(path[0])], path[1:])
        for each in elements:
            if isinstance(each, dict):
                yield from found(each, path)
    else:
        yield MISSING


def candidates(document: dict[str, Any], path: Sequence[str]) -> Iterator[Any]:
    """What a condition on the path is tested on: what it leads to, and where that is a list each element too."""
    if len(path) == 1:  # most are
        value = document.get(path[0], MISSING)
        yield value
        if isinstance(value, list):
            yield from cast("list[Any]", value)
        return
    for value in found(document, path):
        yield value
        if isinstance(value, list):
            yield from cast("list[Any]", value)
