"""Long-term memories are searched for by words and filters, or by filters alone."""

from collections.abc import AsyncIterator
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta

from gateway.faces.compat.agent_memory import filters
from gateway.faces.compat.agent_memory.records import shown
from gateway.faces.compat.agent_memory.serving import reply
from gateway.faces.compat.agent_memory.whose import Whose, facts_of, noted
from gateway.faces.compat.asking import body_of, request_of
from gateway.faces.http.exchange import Exchange, Reply
from gateway.services.memories.across import LIST_ACROSS, SEARCH_ACROSS
from gateway.services.memories.reading import Listing
from gateway.services.memories.searching import Search
from gateway.services.views import Memory

_PAGE: Final = 200
_STRATEGIES: Final = {"semantic": "semantic", "keyword": "lexical", "hybrid": "hybrid"}


class Asked(filters.Filters, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Ranking is the route's: what else steers it is taken and means nothing."""

    text: str | None = None
    limit: Annotated[int, Meta(ge=1, le=100)] = 10
    offset: Annotated[int, Meta(ge=0)] = 0
    distance_threshold: Annotated[float, Meta(ge=0)] | None = None
    search_mode: Literal["semantic", "keyword", "hybrid"] | None = None
    hybrid_alpha: float | None = None
    text_scorer: str | None = None
    recency_boost: bool | None = None
    recency_semantic_weight: float | None = None
    recency_recency_weight: float | None = None
    recency_freshness_weight: float | None = None
    recency_novelty_weight: float | None = None
    recency_half_life_last_access_days: float | None = None
    recency_half_life_created_days: float | None = None
    server_side_recency: bool | None = None


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """Whose memories are meant, and what else must hold of them."""

    whose: Whose
    tests: list[dict[str, Any]] = []


async def searched(exchange: Exchange) -> Reply:
    return reply(await search(exchange, body_of(exchange.body, Asked)))


async def search(exchange: Exchange, asked: Asked) -> dict[str, Any]:
    """`total` is what is known of, so far as was looked; with `next_offset` there is more."""
    wanted, end = read(asked), asked.offset + asked.limit
    if (asked.text or "").strip():
        facts = facts_of(exchange, SEARCH_ACROSS, wanted.whose)
        tests = [*wanted.tests, *noted(exchange, facts)]
        request = request_of(Search, {**query_of(asked), "filters": filters.together(tests), "top_k": end})
        results = await exchange.perform(SEARCH_ACROSS, facts, request)
        more = results.truncated and len(results.results) == end
        found = [shown(each) for each in results.results]
    else:
        every = [each async for each in listed(exchange, wanted, end + 1)]
        more = len(every) > end
        found = [{**shown(each), "dist": 0.0, "score": 1.0} for each in every[:end]]
    page = [{**each, "score_type": asked.search_mode or "semantic"} for each in found[asked.offset :]]
    return {"memories": page, "total": len(found) + more, "next_offset": end if more else None}


def read(asked: Asked) -> Wanted:
    whose, tests = filters.read(asked)
    return Wanted(whose=whose, tests=tests)


def query_of(asked: Asked) -> dict[str, Any]:
    values: dict[str, Any] = {"query": asked.text or ""}
    if asked.distance_threshold is not None:
        if asked.distance_threshold > 1:
            return values  # farther than anything is
        values["min_relevance"] = 1 - asked.distance_threshold
    if asked.search_mode is not None:
        values["strategy"] = _STRATEGIES[asked.search_mode]
    return values


async def listed(exchange: Exchange, wanted: Wanted, most: int, order: str = "newest") -> AsyncIterator[Memory]:
    facts = facts_of(exchange, LIST_ACROSS, wanted.whose)
    tests = filters.together([*wanted.tests, *noted(exchange, facts)])
    cursor: str | None = None
    while most > 0:
        values = {"limit": min(most, _PAGE), "filters": tests, "cursor": cursor, "order": order}
        page = await exchange.perform(LIST_ACROSS, facts, request_of(Listing, values))
        for memory in page.memories[:most]:
            yield memory
        most -= len(page.memories)
        cursor = page.cursor
        if cursor is None:
            return
