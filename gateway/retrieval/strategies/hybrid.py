"""By meaning, words and time together: the default.

Meaning and words are standardised over the candidates, weighted and added; recency is added as it is, from 0 to 1,
because a second of age must never weigh as much as a standard deviation. Nothing is multiplied, so what is old and
fits well stays within reach. The score is the logistic of the sum: an order, not a judgement. The judgement is the
relevance: the cosine or the share of the query's words, whichever is higher.
"""

from contextlib import AsyncExitStack
from typing import Annotated, ClassVar

import msgspec
import numpy as np
from msgspec import Meta, field

from gateway.domain.filters import Filter
from gateway.domain.ports import Kit
from gateway.domain.units import Duration
from gateway.retrieval.ask import Ask
from gateway.retrieval.pool import Floats, Pool
from gateway.retrieval.signals import lexical, logistic, meaning, recency, standardise
from gateway.retrieval.strategy import Need, Ranking
from gateway.retrieval.words import Stems

__all__ = ["Hybrid"]


class Weights(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How much each signal counts."""

    semantic: Annotated[float, Meta(ge=0, description="Of the cosine, standardised.")] = 0.3
    lexical: Annotated[float, Meta(ge=0, description="Of BM25, standardised.")] = 0.7
    recency: Annotated[float, Meta(ge=0, description="Of the decay: 1 for a new record, half after a half-life.")] = 0.1


class HybridOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    weights: Annotated[Weights, Meta(description="How much each signal counts.")] = Weights()
    half_life: Annotated[Duration, Meta(description="The age at which recency has halved.")] = field(
        default_factory=lambda: Duration("30d")
    )


class Hybrid:
    """Highest sum first. Without a vector it goes by words and time, without words by meaning and time."""

    type_name: ClassVar[str] = "hybrid"
    Options: ClassVar[type[HybridOptions]] = HybridOptions
    needs: ClassVar[frozenset[Need]] = frozenset({Need.VECTOR, Need.WORDS})
    narrows: Filter | None = None

    def __init__(self, options: HybridOptions, kit: Kit) -> None:
        self._weights = options.weights
        self._half_life = options.half_life.seconds
        self._stems = Stems()

    async def open(self, stack: AsyncExitStack) -> None:
        """Nothing to open."""

    async def rank(self, pool: Pool, ask: Ask) -> Ranking:
        terms = self._stems.terms(ask.query)
        alike = meaning(pool, ask)
        if not terms and alike is None:
            return Ranking()
        fresh = recency(pool, ask.now, self._half_life)
        parts: dict[str, Floats] = {"recency": fresh}
        total = self._weights.recency * fresh
        relevance = np.zeros(len(pool))
        if alike is not None:
            parts["semantic"] = alike
            total += self._weights.semantic * standardise(alike, pool.live)
            relevance = alike
        if terms:
            found = lexical(pool, terms)
            parts["lexical"] = found.bm25
            total += self._weights.lexical * standardise(found.bm25, pool.live)
            relevance = np.maximum(relevance, found.share)
        return Ranking(strength=total, score=logistic(total), relevance=relevance, parts=parts)
