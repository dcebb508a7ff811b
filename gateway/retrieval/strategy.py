"""What every strategy is: a way to order the candidates of one search.

A strategy sees a Pool and an Ask and gives back arrays over the pool's rows. It cuts nothing by relevance, count or
tokens and never talks to a provider: that happens around it, in one place for all of them.
"""

from contextlib import AsyncExitStack
from enum import StrEnum
from typing import Any, ClassVar, Protocol, runtime_checkable

import msgspec

from gateway.domain.filters import Filter
from gateway.retrieval.ask import Ask
from gateway.retrieval.pool import Floats, Pool, Rows


class Need(StrEnum):
    """What must be there before ranking. With no needs, the newest `top_k` records are all a strategy gets."""

    VECTOR = "vector"  # the query's vector, and candidates near to it
    WORDS = "words"  # candidates that hold the query's words
    CANDIDATES = "candidates"  # as many records as the bound allows, whatever the query


class Ranking(msgspec.Struct, frozen=True, kw_only=True):
    """What a strategy made of a pool. Arrays run over all rows of the pool; only live rows are read.

    `rows` are the live rows to keep, None for all. The order is by `strength`, else by `score`, highest first; with
    neither, `rows` are in order already (None: the pool's own order, newest first). A strategy gives a strength where
    its score is squeezed into [0, 1] and would show what differs as equal. `relevance` None means it is not judged.
    """

    rows: Rows | None = None
    strength: Floats | None = None
    score: Floats | None = None
    relevance: Floats | None = None
    parts: dict[str, Floats] = {}
    faults: tuple[str, ...] = ()


@runtime_checkable
class Strategy(Protocol):
    """A plugin: `type_name` is its `type:` in YAML, `Options` its keys. Constructed with (options, kit), without I/O."""

    type_name: ClassVar[str]
    Options: ClassVar[type[Any]]
    needs: ClassVar[frozenset[Need]]

    @property
    def narrows(self) -> Filter | None:
        """A filter that belongs to the strategy itself; applied with the request's own."""
        ...

    async def open(self, stack: AsyncExitStack) -> None: ...

    async def rank(self, pool: Pool, ask: Ask) -> Ranking:
        """Order the pool's live rows. Never raises for any query, however odd."""
        ...
