"""Which of a graph's things pass a filter, and how well they fit a question: by meaning, with a small local embedder."""

from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from gateway.domain.ports import Kit
from gateway.embedders.wordllama import WordLlama
from tests.servers.zep.answers import Refused
from tests.servers.zep.learning import Graph

_MOST = 100


def passes(group: Any, metadata: dict[str, Any]) -> bool:
    """A MetadataFilterGroup of the client, tested."""
    if group is None:
        return True
    results = [_compare(each, metadata) for each in group.filters or ()]
    results += [passes(each, metadata) for each in group.groups or ()]
    return any(results) if group.type == "or" else all(results)


def _compare(test: Any, metadata: dict[str, Any]) -> bool:
    there = metadata.get(test.property_name)
    if test.operator in ("is_null", "is_not_null"):
        return (there is None) is (test.operator == "is_null")
    if there is None:
        return False
    return _TESTS[test.operator](there, test.value)


_TESTS: dict[str, Callable[[Any, Any], bool]] = {
    "eq": lambda a, b: a == b,
    "ne": lambda a, b: a != b,
    "gt": lambda a, b: a > b,
    "gte": lambda a, b: a >= b,
    "lt": lambda a, b: a < b,
    "lte": lambda a, b: a <= b,
    "in": lambda a, b: a in b,
    "contains": lambda a, b: b in a,
}


def candidates(graph: Graph, group: Any) -> list[dict[str, Any]]:
    """The episodes that may pass: by an index where the filter names records."""
    for test in (group.filters or ()) if group is not None and group.type != "or" else ():
        if test.property_name == "record" and test.operator in ("eq", "in"):
            return graph.of_records(test.value if test.operator == "in" else [test.value])
    return list(graph.episodes.values())


def page(items: Sequence[dict[str, Any]], query: dict[str, str]) -> dict[str, Any]:
    """The page that the query's cursor and size name, by time. A cursor is a place, which nobody can move."""
    size = _size(query)
    turned = query.get("order", "desc") == "desc"
    ordered = sorted(items, key=_place, reverse=turned)
    after = query.get("cursor")
    if after is not None:
        ordered = [each for each in ordered if (_place(each) < after if turned else _place(each) > after)]
    more = {"next_cursor": _place(ordered[size - 1])} if len(ordered) > size else {}
    return {"items": ordered[:size], **more}


def ranked_page(items: Sequence[dict[str, Any]], query: dict[str, str]) -> dict[str, Any]:
    size, start = _size(query), int(query.get("cursor", "0"))
    more = {"next_cursor": str(start + size)} if len(items) > start + size else {}
    return {"items": list(items[start : start + size]), **more}


def _size(query: dict[str, str]) -> int:
    size = int(query.get("page_size", "50"))
    if not 1 <= size <= _MOST:
        raise Refused(400, "invalid_page_size", f"page_size is from 1 to {_MOST}")
    return size


def _place(item: dict[str, Any]) -> str:
    return f"{item['created_at']} {item['uuid']}"


class Ranking:
    """Ranks by meaning, with the gateway's local embedder. Opened when it is first needed."""

    def __init__(self) -> None:
        kit = Kit(name="stand-in", clock=lambda: datetime.now(UTC), home=Path())
        self._embedder = WordLlama(WordLlama.Options(), kit)
        self._opened = False

    async def ranked(
        self, items: Sequence[dict[str, Any]], texts: Sequence[str], question: str, reranker: str
    ) -> list[dict[str, Any]]:
        """The best first, scored as the reranker does."""
        if not items:
            return []
        if not self._opened:
            await self._embedder.open(AsyncExitStack())
            self._opened = True
        raw = await self._embedder.embed([question, *texts])
        vectors = np.frombuffer(b"".join(raw), "<f4").reshape(len(raw), -1)
        fit = vectors[1:] @ vectors[0]
        order = np.argsort(-fit, kind="stable")[:_MOST]
        if reranker == "cross_encoder":
            return [items[n] | {"score": float(fit[n]), "relevance": float(np.clip(fit[n], 0, 1))} for n in order]
        return [items[n] | {"score": 1 / (1 + rank)} for rank, n in enumerate(order)]
