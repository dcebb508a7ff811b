"""Finding messages of one session, by whatever strategy the route knows."""

from typing import Annotated, Any, Final

import msgspec
from msgspec import UNSET, Meta, UnsetType

from gateway.domain.principal import Role
from gateway.domain.record import Family
from gateway.services.asking import Scoped
from gateway.services.call import Call, Operation
from gateway.services.memories.searching import MAX_QUERY, Explained, Search, explained, recall
from gateway.services.sessions.opening import MESSAGES, check_opened
from gateway.services.sessions.showing import FoundMessage, show_found_message

_TOP_K: Final = 5


class SessionSearch(Scoped, frozen=True, kw_only=True):
    """What is left out is the route's own setting; of `top_k`, where the route sets none, 5."""

    query: Annotated[str, Meta(max_length=MAX_QUERY)] = ""
    top_k: Annotated[int, Meta(ge=1)] | None = None
    strategy: str | None = None
    min_relevance: Annotated[float, Meta(ge=0, le=1)] | None = None
    time_window_hours: Annotated[float, Meta(gt=0)] | None = None
    max_tokens: Annotated[int, Meta(ge=1)] | None = None
    filters: dict[str, Any] = {}
    explain: bool = False


class FoundMessages(msgspec.Struct, frozen=True, kw_only=True):
    """Best first. `truncated` says that more would have qualified."""

    session_id: str
    results: list[FoundMessage]
    truncated: bool
    explain: Explained | UnsetType = UNSET


async def search(call: Call, request: SessionSearch) -> FoundMessages:
    wanted = Search(**{field: getattr(request, field) for field in request.__struct_fields__})
    config = call.route.config
    if wanted.top_k is None and "retrieval.top_k" not in config.origins and "top_k" in config.layer.retrieval.overrides:
        wanted = msgspec.structs.replace(wanted, top_k=_TOP_K)
    recalled = await recall(call, wanted, MESSAGES)
    if not recalled.hits:
        await check_opened(call)
    return FoundMessages(
        session_id=call.scope.run,
        results=[show_found_message(each, explain=request.explain) for each in recalled.hits],
        truncated=recalled.truncated,
        explain=explained(call, wanted, recalled) if request.explain else UNSET,
    )


SEARCH: Operation[SessionSearch, FoundMessages] = Operation(
    name="session.search", op="search", family=Family.MESSAGE, role=Role.READER, run=search, one_run=True,
    empty=lambda call, _request: FoundMessages(session_id=call.scope.run, results=[], truncated=False),
)  # fmt: skip
