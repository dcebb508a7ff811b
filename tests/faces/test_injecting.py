"""What a prompt gets of the memories: by meaning, the newest, or all, as YAML says; and how much that asks of a backend."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import msgspec
import pytest

from gateway.config.catalog import Catalog
from gateway.domain.ports import Hit, Page, Scan, Where
from gateway.domain.scope import Reach
from gateway.providers.memory import Memory
from tests.gateways import Gateway, gateway

CONFIG = """version: 1
providers: {main: {type: watched}}
defaults: {chain: main, space: notes}
tenants:
  default:
    auth: {mode: open}
    routes:
      relevant: {default: true, retrieval: {strategy: relevant, max_memories: 2, min_relevance: 0.35}}
      recent: {retrieval: {strategy: recent, max_memories: 3}}
      all: {retrieval: {strategy: all, max_memories: 4}}
      large: {retrieval: {strategy: relevant, max_memories: 30, exhaustive: 0}}
"""
TEXTS = [
    "Ann drinks green tea every morning", "Her tea must be hot", "Tea with milk she does not drink",
    "The bicycle has a flat tyre", "Rent is due on Friday", "The printer is out of paper",
]  # fmt: skip


class Watched(Memory):
    """Notes how much it is asked for."""

    type_name: ClassVar[str] = "watched"
    asked: ClassVar[list[tuple[str, int]]] = []

    async def scan(self, reach: Reach, scan: Scan) -> Page:
        self.asked.append(("scan", scan.limit))
        return await super().scan(reach, scan)

    async def nearest(self, reach: Reach, vector: bytes, where: Where, limit: int) -> Sequence[Hit]:
        self.asked.append(("nearest", limit))
        return await super().nearest(reach, vector, where, limit)


def catalog() -> Catalog:
    known = Catalog.builtin()
    Watched.asked.clear()
    return msgspec.structs.replace(known, providers={**known.providers, "watched": Watched})


async def block(served: Gateway, route: str, query: str = "what tea does she drink?", **more: Any) -> Any:
    asked = {"user_id": "ann", "query": query, **more}
    told = await served.post("/v1/context", asked, headers={"X-Memory-Route": route})
    assert told.status_code == 200, told.text
    return told.json()


async def fill(served: Gateway) -> None:
    for text in TEXTS:
        assert (await served.post("/v1/memories", {"user_id": "ann", "content": text})).status_code == 201


def texts(told: Any) -> list[str]:
    return [each["content"] for each in told["memories"]]


async def test_each_strategy_injects_what_its_name_says(tmp_path: Path) -> None:
    async with gateway(tmp_path, CONFIG, catalog=catalog()) as served:
        await fill(served)
        relevant = await block(served, "relevant")
        assert len(relevant["memories"]) == 2 and set(texts(relevant)) < set(TEXTS[:3])
        scores = [each["relevance"] for each in relevant["memories"]]
        assert scores == sorted(scores, reverse=True) and scores[-1] >= 0.35
        assert relevant["text"].splitlines()[1:] == [f"- {text}" for text in texts(relevant)]
        assert texts(await block(served, "relevant", "quantum chromodynamics")) == []
        for query in ("what tea does she drink?", "quantum chromodynamics"):
            assert texts(await block(served, "recent", query)) == TEXTS[:2:-1]
        everything = await block(served, "all", "")
        assert texts(everything) == TEXTS[:1:-1] and everything["truncated"]
        whole = await block(served, "all", "", top_k=6)
        assert texts(whole) == TEXTS[::-1] and not whole["truncated"]


@pytest.mark.parametrize(
    ("route", "most", "kind", "width"),
    [("recent", 3, "scan", 4), ("recent", 1, "scan", 2), ("all", 4, "scan", 5), ("large", 30, "nearest", 600), ("large", 15, "nearest", 300)],
)  # fmt: skip
async def test_fewer_memories_ask_less_of_the_backend(
    tmp_path: Path, route: str, most: int, kind: str, width: int
) -> None:
    """Of a list one more than the most, to say whether there are more; of a search 20 for each, and at least 200."""
    written = {"recent": "strategy: recent, max_memories: 3", "all": "max_memories: 4", "large": "max_memories: 30"}[
        route
    ]
    text = CONFIG.replace(written, written.rpartition(" ")[0] + f" {most}")
    async with gateway(tmp_path, text, catalog=catalog()) as served:
        await fill(served)
        Watched.asked.clear()
        await block(served, route)
        assert [asked for verb, asked in Watched.asked if verb == kind][:1] == [width]
