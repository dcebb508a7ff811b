"""By words alone: BM25 over stems. What holds none of the query's words is no hit. Needs no embedder.

Relevance is the share of the query's words, weighted by how rare they are, that a record holds.
"""

from contextlib import AsyncExitStack
from typing import ClassVar

import msgspec
import numpy as np

from gateway.domain.filters import Filter
from gateway.domain.ports import Kit
from gateway.retrieval.ask import Ask
from gateway.retrieval.pool import Pool
from gateway.retrieval.signals import lexical
from gateway.retrieval.strategy import Need, Ranking
from gateway.retrieval.words import Stems

__all__ = ["Lexical"]


class LexicalOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """There is nothing to set."""


class Lexical:
    """Best match first. A query of stop words alone asks for nothing in particular and gets the newest."""

    type_name: ClassVar[str] = "lexical"
    Options: ClassVar[type[LexicalOptions]] = LexicalOptions
    needs: ClassVar[frozenset[Need]] = frozenset({Need.WORDS})
    narrows: Filter | None = None

    def __init__(self, options: LexicalOptions, kit: Kit) -> None:
        self._stems = Stems()

    async def open(self, stack: AsyncExitStack) -> None:
        """Nothing to open."""

    async def rank(self, pool: Pool, ask: Ask) -> Ranking:
        terms = self._stems.terms(ask.query)
        if not terms:
            return Ranking()
        found = lexical(pool, terms)
        held = found.share > 0
        rows = np.flatnonzero(held if pool.live is None else held & pool.live)
        return Ranking(rows=rows, score=found.bm25, relevance=found.share, parts={"lexical": found.bm25})
