"""Which records a search looks at: the whole of a small scope, or the likeliest of a large one.

Small means at most `exhaustive` records. A whole scope is kept between searches where the provider can say that nothing
changed. Of a large one: the nearest, those that hold the words, and the newest; what the provider cannot find by
itself is made up for by looking at more of the newest. Filters are pushed down wherever records are read, and what
comes back is held against them again. Ranks nothing.
"""

import asyncio
from collections.abc import Callable
from typing import Final, cast

import msgspec

from gateway.domain.filters import All, Compare, Filter
from gateway.domain.ports import (
    Capabilities,
    Embedder,
    Fused,
    Matching,
    Nearest,
    Provider,
    Relevant,
    Revised,
    Scan,
    Where,
)
from gateway.domain.record import Record
from gateway.domain.scope import Reach
from gateway.retrieval.ask import Ask
from gateway.retrieval.pool import Pool
from gateway.retrieval.pools import Key, Pools
from gateway.retrieval.signals import MAX_TERMS
from gateway.retrieval.strategy import Need
from gateway.retrieval.words import words

_PAGE: Final = 1_000
_INLINE: Final = 100  # pools up to this many records are laid out on the loop


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """Where a route's memories come from: bound once, used by every search.

    `name` is the provider instance's, never the same for two with different contents. `dimension` is 0 where records
    have no vectors. `count_tokens` is what `max_tokens` is measured with.
    """

    name: str
    provider: Provider
    capabilities: Capabilities
    pools: Pools
    count_tokens: Callable[[str], int]
    embedder: Embedder | None = None
    exhaustive: int = 2_000

    @property
    def asks(self) -> bool:
        """Whether meaning is left to the backend's own search."""
        return self.embedder is None and self.capabilities.relevant

    @property
    def dimension(self) -> int:
        return self.embedder.dimension if self.embedder is not None else 0


class Gathered(msgspec.Struct, frozen=True, kw_only=True):
    """`pool` shows as live what the ask allows. `exhaustive`: nothing allowed is missing from it."""

    pool: Pool
    exhaustive: bool
    sources: tuple[str, ...]


async def gather(source: Source, reach: Reach, ask: Ask, needs: frozenset[Need], test: Filter | None) -> Gathered:
    """The candidates. `test` is the whole filter: the ask's and the strategy's own."""
    if not needs and not ask.explain:
        found, ended = await _newest(source, reach, _where(ask, test), ask.top_k)
        return _gathered(await _laid_out(source, found), ask, test, ("newest",), exhaustive=ended)
    if source.asks and Need.VECTOR in needs:
        return await _asked(source, reach, ask, needs, test)
    whole = await _whole(source, reach, ask, test)
    if whole is not None:
        return whole
    return await _candidates(source, reach, ask, needs, test)


async def _asked(source: Source, reach: Reach, ask: Ask, needs: frozenset[Need], test: Filter | None) -> Gathered:
    """What the backend's own search finds, with its scores; where the strategy goes by more, the newest as well."""
    wide, where = max(200, 20 * ask.top_k), _where(ask, test)
    hits = await cast("Relevant", source.provider).relevant(reach, ask.query, where, wide)
    newest, ended = [], False
    if needs - {Need.VECTOR} or ask.explain:
        newest, ended = await _newest(source, reach, where, max(wide, source.exhaustive))
    pool = await _laid_out(source, [*newest, *(hit.record for hit in hits)])
    judged = pool.judged({hit.record.id: hit.score for hit in hits})
    sources = ("relevant", "newest") if newest else ("relevant",)
    return _gathered(judged, ask, test, sources, exhaustive=ended)


async def _whole(source: Source, reach: Reach, ask: Ask, test: Filter | None) -> Gathered | None:
    """Every record, or None where there are more than the bound."""
    key = Key(source.name, reach, ask.kinds, source.dimension)
    bound, pools = source.exhaustive, source.pools
    if not bound or pools.exceeds(key, bound, ask.now):
        return None
    if not source.capabilities.revised:
        found, ended = await _newest(source, reach, _where(ask, test), bound)
        if not ended:
            pools.note_exceeds(key, bound, ask.now)
            return None
        return _gathered(await _laid_out(source, found), ask, test, ("whole",), exhaustive=True)
    pool = pools.find(key, await cast("Revised", source.provider).revision(reach))
    sources = ("cached",)
    if pool is None:
        pool = await _loaded(source, reach, ask, key)
        sources = ("whole",)
    if pool is None or len(pool) > bound:
        return None
    return _gathered(pool, ask, test, sources, exhaustive=True)


async def _loaded(source: Source, reach: Reach, ask: Ask, key: Key) -> Pool | None:
    """Read the whole scope and keep it, unless another search just did."""
    pools, bound = source.pools, source.exhaustive
    async with pools.turn(key):
        era = pools.era
        # Read before the records: a write in between makes the pool look older than it is, never newer.
        revision = await cast("Revised", source.provider).revision(reach)
        pool = pools.find(key, revision)
        if pool is None and not pools.exceeds(key, bound, ask.now):
            found, ended = await _newest(source, reach, Where(ask.kinds), bound)
            if not ended:
                pools.note_exceeds(key, bound, ask.now)
                return None
            pool = await _laid_out(source, found)
            pools.keep(key, revision, pool, era)
        return pool


async def _candidates(source: Source, reach: Reach, ask: Ask, needs: frozenset[Need], test: Filter | None) -> Gathered:
    where, can = _where(ask, test), source.capabilities
    wide = max(200, 20 * ask.top_k)
    likely: list[Record] = []
    sources: list[str] = []
    blind = Need.CANDIDATES in needs  # the provider cannot find all by itself that the strategy goes by
    near = Need.VECTOR in needs and ask.vector is not None and bool(ask.vector.strip(b"\0"))
    wanted = list(dict.fromkeys(words(ask.query)))[:MAX_TERMS] if Need.WORDS in needs else []
    if can.fuses and near and wanted and ask.vector is not None:
        fused = await cast("Fused", source.provider).fused(reach, ask.vector, wanted, where, 2 * wide)
        likely.extend(hit.record for hit in fused)
        sources.append("fused")
        near, wanted = False, []
    if near and ask.vector is not None:
        if can.nearest:
            closest = await cast("Nearest", source.provider).nearest(reach, ask.vector, where, wide)
            likely.extend(hit.record for hit in closest)
            sources.append("nearest")
        else:
            blind = True
    if wanted:
        if can.matching:
            match = await cast("Matching", source.provider).matching(reach, wanted, where, wide)
            likely.extend(hit.record for hit in match)
            sources.append("matching")
        else:
            blind = True
    if source.dimension and Need.VECTOR in needs:
        likely = await _with_vectors(source, reach, likely)
    found, ended = await _newest(source, reach, where, max(wide, source.exhaustive) if blind else wide)
    pool = await _laid_out(source, [*found, *likely])
    return _gathered(pool, ask, test, (*sources, "newest"), exhaustive=ended)


async def _newest(source: Source, reach: Reach, where: Where, limit: int) -> tuple[list[Record], bool]:
    """Up to `limit` of the newest, and whether that was all. Asks for one more than the limit to know."""
    found: list[Record] = []
    after = None
    while True:
        size = min(_PAGE, limit + 1 - len(found))
        scan = Scan(where=where, limit=size, after=after, vectors=source.dimension > 0)
        page = await source.provider.scan(reach, scan)
        found.extend(page.records)
        if len(found) > limit:
            return found[:limit], False
        after = page.next
        if after is None:
            return found, True


async def _with_vectors(source: Source, reach: Reach, records: list[Record]) -> list[Record]:
    """Searches of a provider may leave vectors out; then the records are read once more."""
    bare = [record.id for record in records if record.vector is None]
    if not bare:
        return records
    full = [record for record in await source.provider.get(reach, bare) if record is not None]
    return [record for record in records if record.vector is not None] + full


async def _laid_out(source: Source, records: list[Record]) -> Pool:
    if len(records) <= _INLINE:
        return Pool(records, source.dimension)
    return await asyncio.to_thread(Pool, records, source.dimension)


def _gathered(pool: Pool, ask: Ask, test: Filter | None, sources: tuple[str, ...], *, exhaustive: bool) -> Gathered:
    return Gathered(pool=pool.narrowed(ask.now, ask.since, test), exhaustive=exhaustive, sources=sources)


def _where(ask: Ask, test: Filter | None) -> Where:
    if ask.since is None:
        return Where(ask.kinds, test)
    window = Compare("gte", ask.since, field="created_at")
    return Where(ask.kinds, window if test is None else All((window, test)))
