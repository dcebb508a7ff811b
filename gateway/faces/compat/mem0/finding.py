"""Searching and listing. Pages are numbered, as mem0's are, so a page costs what stands before it."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode

from gateway.domain.errors import Invalid
from gateway.faces.compat.mem0.asking import ENTITIES, body_of, is_list, mapping_of, number_of, query_of, text_of
from gateway.faces.compat.mem0.filters import APP, Wanted, scoped, wanted
from gateway.faces.compat.mem0.serving import of, reply
from gateway.faces.compat.mem0.showing import item
from gateway.faces.http.exchange import Exchange, Reply
from gateway.services.memories.across import LIST_ACROSS, SEARCH_ACROSS
from gateway.services.memories.reading import Listing
from gateway.services.memories.searching import Search

if TYPE_CHECKING:
    from gateway.services.views import Memory

COUNTED: Final = 10_000  # how far a listing counts
_NAMED: Final = frozenset({*ENTITIES, APP, "filters", "metadata", "categories", "keywords", "fields"})
_NO_MATTER: Final = frozenset({
    # Memories have no other versions, those that have expired are gone, and finding is the route's strategy.
    "show_expired", "latest_only", "rerank", "keyword_search", "reference_date", "version", "output_format",
    "enable_graph", "filter_memories", "only_metadata_based_search", "async_mode", "explain",
})  # fmt: skip
SEARCHED: Final = _NAMED | _NO_MATTER | {"query", "top_k", "limit", "threshold"}
LISTED: Final = _NAMED | _NO_MATTER | {"page", "page_size", "start_date", "end_date", "limit", "top_k"}
_PAGE, _LARGEST = 100, 1000


async def searched(exchange: Exchange) -> Reply:
    return reply({"results": await search(exchange, body_of(exchange.body, SEARCHED))})


async def searched_v1(exchange: Exchange) -> Reply:
    """A bare list, unless the client asks for the format that came after it."""
    asked = body_of(exchange.body, SEARCHED)
    found = await search(exchange, asked)
    return reply({"results": found} if asked.get("output_format") == "v1.1" else found)


async def listed(exchange: Exchange) -> Reply:
    return reply(await listing(exchange, {**body_of(exchange.body, LISTED), **query_of(exchange.query, LISTED)}))


async def listed_v2(exchange: Exchange) -> Reply:
    asked = {**body_of(exchange.body, LISTED), **query_of(exchange.query, LISTED)}
    page = await listing(exchange, asked)
    return reply(page if "page" in asked or "page_size" in asked else page["results"])


async def listed_v1(exchange: Exchange) -> Reply:
    asked: dict[str, Any] = query_of(exchange.query, LISTED)
    asked |= {name: mapping_of(asked[name], name) for name in ("filters", "metadata") if name in asked}
    page = await listing(exchange, asked)
    return reply(page if "page" in asked or "page_size" in asked else page["results"])


async def search(exchange: Exchange, asked: Mapping[str, Any], *, bare: bool = False) -> list[dict[str, Any]]:
    query = text_of(asked, "query")
    if not query.strip():
        raise Invalid("query is empty", code="empty_query", at="query")
    values: dict[str, Any] = {"query": query}
    if (limit := asked.get("top_k", asked.get("limit"))) is not None:
        values["top_k"] = limit
    if (threshold := asked.get("threshold")) is not None:
        values["min_relevance"] = threshold
    results = (await of(exchange, SEARCH_ACROSS, Search, about(exchange, asked, bare=bare), values)).results
    return [item(each, _fields(asked)) for each in results]


async def listing(exchange: Exchange, asked: Mapping[str, Any]) -> dict[str, Any]:
    """A page of what is there, newest first, and how much there is: counted up to COUNTED."""
    number = number_of(asked, "page", 1, COUNTED)
    size = number_of(asked, "page_size", number_of(asked, "limit", _PAGE, _LARGEST), _LARGEST)
    first, count = (number - 1) * size, 0
    shown: list[Memory] = []
    about_, cursor = about(exchange, asked), None
    while True:
        page = await of(exchange, LIST_ACROSS, Listing, about_, {"limit": _LARGEST, "cursor": cursor})
        for memory in page.memories:
            if first <= count < first + size:
                shown.append(memory)
            count += 1
        cursor = page.cursor
        if cursor is None or (count >= COUNTED and count >= first + size):
            break
    return {
        "count": count,
        "next": _link(number + 1, size) if count > first + size else None,
        "previous": _link(number - 1, size) if number > 1 else None,
        "results": [item(each, _fields(asked)) for each in shown],
    }


def about(exchange: Exchange, asked: Mapping[str, Any], *, bare: bool = False) -> Wanted:
    """What the filters and everything beside them ask for together."""
    conditions = [asked["filters"]] if asked.get("filters") else []
    conditions += [
        {name: asked[name]} for name in (*ENTITIES, APP, "metadata", "categories", "keywords") if asked.get(name)
    ]
    if asked.get("start_date") or asked.get("end_date"):
        ends = {"gte": asked.get("start_date"), "lte": asked.get("end_date")}
        conditions.append({"created_at": {op: value for op, value in ends.items() if value}})
    found = wanted({"AND": conditions} if conditions else None, bare=bare)
    return scoped(found, bound=bool(exchange.principal.user))


def _fields(asked: Mapping[str, Any]) -> list[str]:
    fields: Any = asked.get("fields") or []
    return [str(each).strip() for each in (fields if is_list(fields) else str(fields).split(","))]


def _link(page: int, size: int) -> str:
    return "?" + urlencode({"page": page, "page_size": size})
