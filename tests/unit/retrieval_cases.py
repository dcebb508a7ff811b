"""Records, sources and askings that the retrieval tests share."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from gateway.domain.errors import Unavailable
from gateway.domain.ports import Capabilities, Embedder, Kit, Page, Scan
from gateway.domain.record import Kind, Record
from gateway.domain.scope import Reach, Scope
from gateway.providers.memory import Memory
from gateway.retrieval.ask import Ask
from gateway.retrieval.pools import Pools
from gateway.retrieval.recall import Source
from gateway.retrieval.strategies.by_category import ByCategory
from gateway.retrieval.strategies.custom import Custom
from gateway.retrieval.strategies.everything import Everything
from gateway.retrieval.strategies.hybrid import Hybrid
from gateway.retrieval.strategies.lexical import Lexical
from gateway.retrieval.strategies.recent import Recent
from gateway.retrieval.strategies.semantic import Semantic

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
SCOPE = Scope("acme", "default", "alice")
REACH = Reach.only(SCOPE)
KINDS = frozenset({Kind.MEMORY})
KIT = Kit(name="case", clock=lambda: NOW, home=Path(), dimension=4)

HYBRID = Hybrid(Hybrid.Options(), KIT)
SEMANTIC = Semantic(Semantic.Options(), KIT)
LEXICAL = Lexical(Lexical.Options(), KIT)
RECENT = Recent(Recent.Options(), KIT)
EVERYTHING = Everything(Everything.Options(), KIT)
BY_CATEGORY = ByCategory(ByCategory.Options(categories=("food",)), KIT)

PLAIN = Capabilities(kinds=frozenset(Kind))
ABLE = Memory.capabilities(Memory.Options())


def vector(*numbers: float) -> bytes:
    row = np.array(numbers, dtype=np.float64)
    length = np.linalg.norm(row)
    return (row / length if length else row).astype("<f4").tobytes()


def cos(value: float) -> bytes:
    """A vector whose cosine with (1, 0, 0, 0) is `value`."""
    return vector(value, (1 - value * value) ** 0.5, 0, 0)


QUERY = cos(1.0)


def record(number: int, text: str, *, age: timedelta = timedelta(0), **more: Any) -> Record:
    at = NOW - age
    return Record(
        id=f"00000000-0000-7000-8000-{number:012d}",
        kind=more.pop("kind", Kind.MEMORY),
        scope=more.pop("scope", SCOPE),
        text=text,
        created_at=at,
        updated_at=at,
        **more,
    )


def ask(query: str = "", **more: Any) -> Ask:
    return Ask(query=query, now=more.pop("now", NOW), kinds=KINDS, **more)


class Directions:
    """An embedder of four dimensions: each known word is an axis, a text the sum of its words."""

    type_name: ClassVar[str] = "directions"
    Options: ClassVar[type[Any]] = Custom.Options
    axes: ClassVar[tuple[str, ...]] = ("pizza", "tennis", "music", "berlin")

    def __init__(self, *, down: bool = False) -> None:
        self.down = down
        self.calls = 0

    @property
    def dimension(self) -> int:
        return len(self.axes)

    async def open(self, stack: Any) -> None:
        pass

    async def embed(self, texts: Sequence[str]) -> Sequence[bytes]:
        self.calls += 1
        if self.down:
            raise Unavailable("no embedder")
        return [vector(*(float(axis in text.casefold()) for axis in self.axes)) for text in texts]


class Watched:
    """A provider that passes everything on and notes which scans were asked for. `pause` lets others in between."""

    def __init__(self, inner: Memory) -> None:
        self.inner = inner
        self.scans: list[Scan] = []
        self.limits: list[int] = []

    async def scan(self, reach: Reach, scan: Scan) -> Page:
        self.scans.append(scan)
        await asyncio.sleep(0)
        return await self.inner.scan(reach, scan)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)


async def stored(records: Sequence[Record]) -> Any:
    provider = Memory(Memory.Options(), KIT)
    await provider.put(records)
    return Watched(provider)


def source(
    provider: Any,
    *,
    able: Capabilities = ABLE,
    embedder: Embedder | None = None,
    exhaustive: int = 2_000,
    pools: Pools | None = None,
) -> Source:
    return Source(
        name="case",
        provider=provider,
        capabilities=able,
        pools=Pools() if pools is None else pools,
        count_tokens=lambda text: len(text.split()),
        embedder=embedder or Directions(),
        exhaustive=exhaustive,
    )


def ids(ranked: Sequence[Any]) -> list[int]:
    return [int(each.record.id[-12:]) for each in ranked]
