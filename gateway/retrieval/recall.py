"""The one way from a question to hits: embed, gather, rank, cut. Every strategy and every face goes through here.

The cuts come in this order: relevance, count, tokens. Knows nothing of how a strategy ranks or where records are kept.
"""

import asyncio
from typing import Final

import msgspec
import numpy as np

from gateway.domain.errors import Unavailable
from gateway.domain.filters import All, Filter
from gateway.domain.scope import Reach
from gateway.retrieval.ask import Ask, Ranked, Reason, Recalled
from gateway.retrieval.gathering import Gathered, Source, gather
from gateway.retrieval.pool import Floats, Pool, Rows
from gateway.retrieval.strategy import Need, Ranking, Strategy

__all__ = ["Recaller", "Source"]

_QUERY: Final = frozenset({Need.VECTOR, Need.WORDS})
_INLINE: Final = 100  # pools up to this many records are indexed on the loop


class Recaller:
    """Searches one source. Holds nothing of its own between searches."""

    def __init__(self, source: Source) -> None:
        self._source = source

    async def recall(self, reach: Reach, ask: Ask, strategy: Strategy) -> Recalled:
        """The records of the reach that answer best.

        A blank query without a vector gives strategies that need one the newest records. Where the embedder is
        unavailable, a strategy that goes by words as well goes by those alone and the answer names the fault; any
        other raises Unavailable, as it does when the provider fails.
        """
        needs, faults = strategy.needs, ()
        blank = not ask.query or ask.query.isspace()
        if Need.VECTOR in needs and ask.vector is None and not blank:
            ask, faults = await self._with_vector(ask, needs)
        if blank and ask.vector is None:
            needs -= _QUERY
        gathered = await gather(self._source, reach, ask, needs, _both(ask.filter, strategy.narrows))
        pool = gathered.pool
        if Need.WORDS in needs and not pool.indexed and len(pool) > _INLINE:
            await asyncio.to_thread(lambda: pool.postings)
        ranking = await strategy.rank(pool, ask)
        cut = _Cut(gathered, ranking, ask, self._source, newest=not needs)
        return cut.recalled((*faults, *ranking.faults))

    def forget(self, reach: Reach) -> int:
        """Drop what is kept in memory of the reach's records; how many pools that were. Call it after an erasure."""
        return self._source.pools.forget(reach)

    async def _with_vector(self, ask: Ask, needs: frozenset[Need]) -> tuple[Ask, tuple[str, ...]]:
        embedder = self._source.embedder
        if self._source.asks:
            return ask, ()
        if embedder is None:
            return ask, () if Need.WORDS in needs else ("no_embedder",)
        try:
            vectors = await embedder.embed([ask.query])
        except Unavailable:
            if Need.WORDS not in needs:
                raise
            return ask, ("embedder_unavailable",)
        return msgspec.structs.replace(ask, vector=vectors[0]), ()


class _Cut:
    """One search's way from a ranking to its hits."""

    def __init__(self, gathered: Gathered, ranking: Ranking, ask: Ask, source: Source, *, newest: bool) -> None:
        self._gathered, self._ranking, self._ask, self._source = gathered, ranking, ask, source
        self._pool: Pool = gathered.pool
        kept = self._pool.rows if ranking.rows is None else ranking.rows
        self._irrelevant, relevant = _split(kept, ranking.relevance, ask.min_relevance)
        strength = ranking.score if ranking.strength is None else ranking.strength
        wanted = len(relevant) if ask.explain else ask.top_k
        ordered = relevant[:wanted] if strength is None else best(relevant, strength, wanted)
        self._kept = kept
        self._beyond = ordered[ask.top_k :]
        self._chosen = ordered[: ask.top_k]
        self._more = len(relevant) > ask.top_k or (newest and not gathered.exhaustive)

    def recalled(self, faults: tuple[str, ...]) -> Recalled:
        rows: list[int] = self._chosen.tolist()
        fitting = self._fitting(rows)
        return Recalled(
            hits=tuple(self._ranked(row, Reason.KEPT) for row in rows[:fitting]),
            dropped=self._dropped(rows[fitting:]) if self._ask.explain else (),
            considered=self._pool.count,
            exhaustive=self._gathered.exhaustive,
            sources=self._gathered.sources,
            truncated=self._more or fitting < len(rows),
            faults=faults,
        )

    def _fitting(self, rows: list[int]) -> int:
        """How many of the rows, from the best on, fit into the token budget; the first always does."""
        budget = self._ask.max_tokens
        if budget is None:
            return len(rows)
        spent = 0
        for number, row in enumerate(rows):
            spent += self._source.count_tokens(self._pool.records[row].text)
            if spent > budget and number:
                return number
        return len(rows)

    def _dropped(self, over_budget: list[int]) -> tuple[Ranked, ...]:
        unkept: Rows = np.setdiff1d(self._pool.rows, self._kept)
        return tuple(
            self._ranked(row, reason)
            for rows, reason in (
                (over_budget, Reason.MAX_TOKENS),
                (self._beyond.tolist(), Reason.TOP_K),
                (self._irrelevant.tolist(), Reason.MIN_RELEVANCE),
                (unkept.tolist(), Reason.STRATEGY),
            )
            for row in rows
        )

    def _ranked(self, row: int, reason: Reason) -> Ranked:
        ranking = self._ranking
        return Ranked(
            record=self._pool.records[row],
            score=None if ranking.score is None else float(ranking.score[row]),
            relevance=None if ranking.relevance is None else float(ranking.relevance[row]),
            parts={name: float(values[row]) for name, values in ranking.parts.items()},
            dropped=reason,
        )


def best(rows: Rows, strength: Floats, count: int) -> Rows:
    """The `count` strongest of the rows, strongest first; equals stay in the order they came in."""
    strengths = strength[rows]
    if len(rows) > 8 * count:
        least = np.partition(strengths, len(rows) - count)[len(rows) - count]
        strong = np.flatnonzero(strengths >= least)
        rows, strengths = rows[strong], strengths[strong]
    order = np.argsort(-strengths, kind="stable")
    return rows[order[:count]]


def _split(rows: Rows, relevance: Floats | None, least: float) -> tuple[Rows, Rows]:
    """The rows below the threshold and the others."""
    if relevance is None or least <= 0:
        return rows[:0], rows
    below = relevance[rows] < round(least, 6)
    return rows[below], rows[~below]


def _both(asked: Filter | None, own: Filter | None) -> Filter | None:
    return All((asked, own)) if asked is not None and own is not None else asked or own
