"""Finding memories: the route's strategy, within what the route lets a request change.

With `explain`, the reply names every candidate that was looked at, its partial scores, and why it was left out.
"""

from datetime import datetime, timedelta
from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, UnsetType

from gateway.config.model import Override, Retrieval
from gateway.domain.errors import Invalid
from gateway.domain.filtering import read_filter
from gateway.domain.filters import All, Filter
from gateway.domain.hooking import Event
from gateway.domain.portable import check_text
from gateway.domain.principal import Role
from gateway.domain.record import Family, Kind
from gateway.retrieval.ask import Ask, Recalled
from gateway.services.asking import Scoped
from gateway.services.call import Call, Operation
from gateway.services.hooking import after_ranked, before_read
from gateway.services.memories.reading import MEMORIES
from gateway.services.views import Found, show_found

MAX_QUERY = 10_000


class Search(Scoped, frozen=True, kw_only=True):
    """What is left out is the route's own setting. `limit` is another name for `top_k`."""

    query: Annotated[str, Meta(max_length=MAX_QUERY)] = ""
    top_k: Annotated[int, Meta(ge=1)] | None = None
    limit: Annotated[int, Meta(ge=1)] | None = None
    strategy: str | None = None
    min_relevance: Annotated[float, Meta(ge=0, le=1)] | None = None
    time_window_hours: Annotated[float, Meta(gt=0)] | None = None
    max_tokens: Annotated[int, Meta(ge=1)] | None = None
    filters: dict[str, Any] = {}
    explain: bool = False


class Dropped(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    reason: str
    score: float | None
    relevance: float | None
    parts: dict[str, float]


class Explained(msgspec.Struct, frozen=True, kw_only=True):
    """How the answer came about."""

    route: str
    scope: dict[str, str | None]
    strategy: str
    considered: int
    exhaustive: bool
    sources: list[str]
    faults: list[str]
    dropped: list[Dropped]


class Results(msgspec.Struct, frozen=True, kw_only=True):
    """Best first. `truncated` says that more would have qualified."""

    results: list[Found]
    truncated: bool
    explain: Explained | UnsetType = UNSET


async def search(call: Call, request: Search) -> Results:
    recalled = await recall(call, request, MEMORIES)
    return Results(
        results=[show_found(each, explain=request.explain) for each in recalled.hits],
        truncated=recalled.truncated,
        explain=explained(call, request, recalled) if request.explain else UNSET,
    )


async def recall(call: Call, request: Search, kinds: frozenset[Kind]) -> Recalled:
    """The ranked records that a search of these kinds finds, under the route's settings and caps."""
    route = call.route
    settings = route.config.layer.retrieval
    _check_overrides(request, settings)
    check_text(request.query, "query")
    query = await before_read(call, Event.SEARCH, query=request.query)
    if query is None:
        return Recalled(hits=())
    now = route.mint.now()
    hours = request.time_window_hours or settings.time_window_hours
    limits = route.config.layer.limits
    ask = Ask(
        query=query,
        kinds=kinds,
        top_k=min(request.top_k or request.limit or settings.top_k, limits.max_top_k),
        min_relevance=settings.min_relevance if request.min_relevance is None else request.min_relevance,
        since=_before(now, hours) if hours else None,
        filter=_both(route.config.filter, read_filter(request.filters, "filters")),
        max_tokens=request.max_tokens or settings.max_tokens,
        explain=request.explain,
        now=now,
    )
    recalled = await route.recaller.recall(call.reach, ask, route.strategy(request.strategy))
    for fault in recalled.faults:
        route.fault(fault)
    hits = tuple(await after_ranked(call, Event.SEARCH, recalled.hits, query)) if route.hooks else recalled.hits
    return recalled if hits == recalled.hits else msgspec.structs.replace(recalled, hits=hits)


def _before(now: datetime, hours: float) -> datetime | None:
    try:
        return now - timedelta(hours=hours)
    except OverflowError:
        return None  # earlier than the calendar goes: everything is within


def _both(own: Filter | None, asked: Filter | None) -> Filter | None:
    return All((own, asked)) if own is not None and asked is not None else own or asked


def _check_overrides(request: Search, settings: Retrieval) -> None:
    if request.top_k is not None and request.limit is not None:
        raise Invalid("limit is another name for top_k: give one of them", code="two_limits", at="limit")
    asked: dict[Override, bool] = {
        "strategy": request.strategy is not None,
        "top_k": request.top_k is not None or request.limit is not None,
        "min_relevance": request.min_relevance is not None,
        "time_window_hours": request.time_window_hours is not None,
        "max_tokens": request.max_tokens is not None,
        "filters": bool(request.filters),
    }
    for name, given in asked.items():
        if given and name not in settings.overrides:
            raise Invalid(f"this route does not let a request set {name}", code="override_not_allowed", at=name)


def explained(call: Call, request: Search, recalled: Recalled) -> Explained:
    reach = call.reach
    return Explained(
        route=call.route.name,
        scope={"space": reach.space, "user_id": reach.user, "agent_id": reach.agent, "run_id": reach.run},
        strategy=request.strategy or call.route.config.layer.retrieval.strategy,
        considered=recalled.considered,
        exhaustive=recalled.exhaustive,
        sources=list(recalled.sources),
        faults=list(recalled.faults),
        dropped=[
            Dropped(
                id=each.record.id,
                reason=each.dropped.value,
                score=each.score,
                relevance=each.relevance,
                parts=dict(each.parts),
            )
            for each in recalled.dropped
        ],
    )


SEARCH: Operation[Search, Results] = Operation(
    name="memory.search", op="search", family=Family.MEMORY, role=Role.READER, run=search,
    empty=lambda _call, _request: Results(results=[], truncated=False),
)  # fmt: skip
