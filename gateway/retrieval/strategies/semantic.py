"""By meaning alone: the cosine between the query's vector and the record's, or what a backend with its own search says.

Score and relevance are that number, so a threshold on relevance is a threshold on similarity. Knows no words.
"""

from contextlib import AsyncExitStack
from typing import ClassVar

import msgspec

from gateway.domain.filters import Filter
from gateway.domain.ports import Kit
from gateway.retrieval.ask import Ask
from gateway.retrieval.pool import Pool
from gateway.retrieval.signals import meaning
from gateway.retrieval.strategy import Need, Ranking

__all__ = ["Semantic"]


class SemanticOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """There is nothing to set."""


class Semantic:
    """Most alike first."""

    type_name: ClassVar[str] = "semantic"
    Options: ClassVar[type[SemanticOptions]] = SemanticOptions
    needs: ClassVar[frozenset[Need]] = frozenset({Need.VECTOR})
    narrows: Filter | None = None

    def __init__(self, options: SemanticOptions, kit: Kit) -> None:
        pass

    async def open(self, stack: AsyncExitStack) -> None:
        """Nothing to open."""

    async def rank(self, pool: Pool, ask: Ask) -> Ranking:
        alike = meaning(pool, ask)
        if alike is None:
            return Ranking()
        return Ranking(score=alike, relevance=alike, parts={"semantic": alike})
