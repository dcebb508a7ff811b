"""find, aggregate and the cursors that their answers go on with."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from typing import Any, Final, cast

import bson

from .matching import compiled
from .searching import SCORE, vector_search
from .store import Store
from .values import MISSING, key
from .wire import Refused
from .writing import hits, known

_COMMON: Final = {"lsid", "$db", "$clusterTime", "$readPreference", "readConcern", "maxTimeMS", "batchSize"}
_FIRST: Final = 101
_BATCH_BYTES: Final = 16 * 1024 * 1024


class Cursors:
    def __init__(self) -> None:
        self._open: dict[int, tuple[str, Iterator[dict[str, Any]]]] = {}
        self._last = 0

    def __len__(self) -> int:
        return len(self._open)

    def begun(self, namespace: str, documents: Iterable[dict[str, Any]], size: int | None) -> dict[str, Any]:
        self._last += 1
        return self._reply(self._last, namespace, iter(documents), _FIRST if size is None else size, "firstBatch")

    def more(self, command: dict[str, Any]) -> dict[str, Any]:
        known(command, "getMore", "collection", *_COMMON)
        number = command["getMore"]
        if number not in self._open:
            raise Refused(43, f"cursor id {number} not found")
        namespace, documents = self._open.pop(number)
        return self._reply(number, namespace, documents, command.get("batchSize"), "nextBatch")

    def killed(self, command: dict[str, Any]) -> dict[str, Any]:
        known(command, "killCursors", "cursors", *_COMMON)
        there = [number for number in command["cursors"] if self._open.pop(number, None) is not None]
        absent = [number for number in command["cursors"] if number not in there]
        return {"cursorsKilled": there, "cursorsNotFound": absent, "cursorsAlive": [], "cursorsUnknown": [], "ok": 1.0}

    def _reply(
        self, number: int, namespace: str, documents: Iterator[dict[str, Any]], size: int | None, name: str
    ) -> dict[str, Any]:
        batch: list[dict[str, Any]] = []
        left = _BATCH_BYTES
        for each in islice(documents, size):
            batch.append(each)
            left -= len(bson.encode(each))
            if left < 0:
                break
        # One more is drawn to know whether there is more.
        following = next(documents, None) if size is None or len(batch) == size or left < 0 else None
        if following is not None:
            self._open[number] = (namespace, _chained(following, documents))
        return {"cursor": {"id": number if following is not None else 0, "ns": namespace, name: batch}, "ok": 1.0}


def find(store: Store, namespace: str, command: dict[str, Any]) -> Iterator[dict[str, Any]]:
    known(command, "find", "filter", "projection", "sort", "limit", "singleBatch", *_COMMON)
    found: Iterable[dict[str, Any]] = hits(store.collection(namespace), command.get("filter", {}))
    if command.get("sort"):
        found = _sorted(found, command["sort"])
    shown = _projection(command.get("projection") or {})
    limit = command.get("limit") or None
    return map(shown, islice(found, limit))


def aggregate(store: Store, namespace: str, command: dict[str, Any]) -> Iterator[dict[str, Any]]:
    known(command, "aggregate", "pipeline", "cursor", *_COMMON)
    held = store.collection(namespace)
    documents: Iterator[dict[str, Any]] = iter(())
    for number, stage in enumerate(command["pipeline"]):
        ((name, value),) = stage.items()
        if number == 0:
            if name == "$vectorSearch":
                documents = vector_search(held, value)
                continue
            if name == "$listSearchIndexes":
                documents = (
                    each | {"queryable": not store.search_hangs}
                    for each in list(held.searches.values() if held else ())
                    if each["name"] == value.get("name", each["name"])
                )
                continue
            documents = hits(held, value if name == "$match" else {})
            if name == "$match":
                continue
        match name:
            case "$match":
                documents = filter(compiled(value), documents)
            case "$project":
                documents = map(_projection(value), documents)
            case "$limit":
                documents = islice(documents, value)
            case "$group":
                documents = _grouped(documents, value)
            case _:
                raise Refused(40324, f"Unrecognized pipeline stage name: {name!r}")
    return documents


def _sorted(found: Iterable[dict[str, Any]], wanted: Mapping[str, int]) -> list[dict[str, Any]]:
    ordered = list(found)
    for name, way in reversed(list(wanted.items())):
        if any(isinstance(each.get(name), list) for each in ordered):
            raise Refused(2, "sorting by lists is not offered here")
        ordered.sort(key=lambda each, name=name: key(each.get(name, MISSING)), reverse=way < 0)
    return ordered


def _projection(wanted: Mapping[str, Any]) -> Callable[[dict[str, Any]], dict[str, Any]]:
    scored = {name for name, value in wanted.items() if value == {"$meta": "vectorSearchScore"}}
    flags = {name: bool(value) for name, value in wanted.items() if name not in scored}
    if any("." in name for name in flags) or not all(value in (0, 1, True, False) for value in flags.values()):
        raise Refused(9, "projections of parts and expressions are not offered here")
    plain = {value for name, value in flags.items() if name != "_id"}
    if len(plain) > 1:
        raise Refused(31254, "Cannot do exclusion and inclusion in one projection")
    including = True in plain or bool(scored) or (not plain and flags.get("_id") is True)

    def shown(document: dict[str, Any]) -> dict[str, Any]:
        if including:
            kept = {
                name: value for name, value in document.items() if flags.get(name, name == "_id" and "_id" not in flags)
            }
            return kept | dict.fromkeys(scored, document.get(SCORE))
        return {name: value for name, value in document.items() if flags.get(name, True)}

    return shown


def _grouped(documents: Iterable[dict[str, Any]], wanted: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """By one field or a constant; sums of fields or constants."""
    groups: dict[Any, dict[str, Any]] = {}
    for document in documents:
        by = _value(document, wanted["_id"])
        group = groups.setdefault(key(by), {"_id": by})
        for name, made in wanted.items():
            if name == "_id":
                continue
            if list(made) != ["$sum"]:
                raise Refused(15952, f"unknown group operator: {list(made)}")
            added: Any = _value(document, made["$sum"])
            group[name] = group.get(name, 0) + (added if isinstance(added, int | float) else 0)
    yield from groups.values()


def _value(document: dict[str, Any], expression: Any) -> Any:
    if isinstance(expression, str) and expression.startswith("$"):
        return document.get(expression[1:])
    if isinstance(expression, dict | list):
        raise Refused(168, "expressions are not offered here")
    return cast("Any", expression)


def _chained(first: dict[str, Any], rest: Iterator[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    yield first
    yield from rest
