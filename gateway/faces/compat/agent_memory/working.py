"""Working memory: a session, its messages, and what it has beside them."""

from typing import Annotated, Any, Final

import msgspec
from msgspec import UNSET, Meta

from gateway.domain.errors import Malformed, NotFound
from gateway.faces.compat.agent_memory import slot, windows
from gateway.faces.compat.agent_memory.creating import create
from gateway.faces.compat.agent_memory.records import Record
from gateway.faces.compat.agent_memory.serving import ok, reply
from gateway.faces.compat.agent_memory.whose import Whose, facts_of, find, noted, of, written
from gateway.faces.compat.asking import body_of, query_of, request_of
from gateway.faces.http.exchange import Exchange, Reply
from gateway.runtime.bound import BoundRoute
from gateway.services.content import message_text
from gateway.services.sessions import removing, system
from gateway.services.sessions.across import LIST_ACROSS
from gateway.services.sessions.history import HISTORY, HistoryOf
from gateway.services.sessions.listing import SessionListing
from gateway.services.sessions.replacing import REPLACE, Whole
from gateway.services.sessions.showing import Message, Session
from gateway.services.sessions.system import OneSession

_COUNTED: Final = 10_000  # sessions that a list counts to
_PAGE: Final = 200
_DISCRETE: Final[dict[str, Any]] = {"strategy": "discrete", "config": {}}  # what a client says where it says nothing


class Listed(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    limit: Annotated[int, Meta(ge=1, le=1000)] = 20
    offset: Annotated[int, Meta(ge=0)] = 0
    namespace: str | None = None
    user_id: str | None = None


class Asked(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    user_id: str | None = None
    namespace: str | None = None
    model_name: str | None = None
    context_window_max: Annotated[int, Meta(ge=1)] | None = None
    recent_messages_limit: Annotated[int, Meta(ge=1)] | None = None


class Given(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The path names the session. What only the server says is taken, as clients send it back, and means nothing."""

    messages: list[dict[str, Any]] = []
    memories: list[Record] = []
    data: dict[str, Any] | None = None
    context: str | None = None
    user_id: str | None = None
    namespace: str | None = None
    ttl_seconds: Annotated[float, Meta(gt=0)] | None = None
    long_term_memory_strategy: dict[str, Any] | None = None
    session_id: str | None = None
    tokens: int | None = None
    last_accessed: str | None = None
    context_percentage_total_used: float | None = None
    context_percentage_until_summarization: float | None = None
    new_session: bool | None = None
    unsaved: bool | None = None


class Working(msgspec.Struct, frozen=True, kw_only=True):
    """Of one session: whose it is, its messages in order, and the rest."""

    whose: Whose
    messages: list[dict[str, Any]]
    beside: slot.Beside


async def listed(exchange: Exchange) -> Reply:
    """Ids, each once, the newest first."""
    asked = query_of(exchange.query, Listed)
    facts = facts_of(exchange, LIST_ACROSS, of(asked.user_id, asked.namespace, None))
    tests = noted(exchange, facts)
    ids: dict[str, None] = {}
    cursor: str | None = None
    while len(ids) < _COUNTED:
        values = {"limit": _PAGE, "cursor": cursor, "filters": {"AND": tests} if tests else {}}
        page = await exchange.perform(LIST_ACROSS, facts, request_of(SessionListing, values))
        ids |= dict.fromkeys(each.session_id for each in page.sessions)
        cursor = page.cursor
        if cursor is None:
            break
    return reply({"sessions": list(ids)[asked.offset : asked.offset + asked.limit], "total": len(ids)})


async def seen(exchange: Exchange) -> Reply:
    asked = query_of(exchange.query, Asked)
    working = await read(exchange, of(asked.user_id, asked.namespace, exchange.path["session_id"]))
    if working is None:
        raise NotFound("no session with this id", code="no_session")
    route, _ = exchange.snapshot.route(exchange.principal, facts_of(exchange, HISTORY, working.whose))
    size = windows.window(asked.model_name, asked.context_window_max)
    messages = fitting(route, working.messages, size)
    if asked.recent_messages_limit is not None:
        messages = messages[-asked.recent_messages_limit :]
    shown = _shown(route, msgspec.structs.replace(working, messages=messages), size)
    return reply({**shown, "new_session": False, "unsaved": None})


async def replaced(exchange: Exchange) -> Reply:
    """Memories that were not promoted before are, first; then all that the session held is replaced."""
    exchange.principal.require(REPLACE.role)  # before it is looked for
    asked, given = query_of(exchange.query, Asked), body_of(exchange.body, Given)
    named = of(asked.user_id or given.user_id, asked.namespace or given.namespace, exchange.path["session_id"])
    whose = await written(exchange, named)
    facts = facts_of(exchange, REPLACE, whose)
    route, _ = exchange.snapshot.route(exchange.principal, facts)
    now = route.mint.now().isoformat()
    messages = [_message(each, route, now) for each in given.messages]
    said, systems = slot.split(messages)
    beside = slot.Beside(
        context=given.context or None,
        data=given.data or {},
        memories=await _promoted(exchange, whose, given.memories, now),
        systems=systems,
        ttl_seconds=given.ttl_seconds,
        strategy=None if given.long_term_memory_strategy == _DISCRETE else given.long_term_memory_strategy,
    )
    values: dict[str, Any] = {"messages": [msgspec.Raw(msgspec.json.encode(each)) for each in said]}
    if (prompt := slot.kept(beside)) is not UNSET:
        values["system"] = prompt
    await exchange.perform(REPLACE, facts, request_of(Whole, {**values, "ttl_seconds": given.ttl_seconds}))
    working = Working(whose=whose, messages=messages, beside=beside)
    return reply(_shown(route, working, windows.window(asked.model_name, asked.context_window_max)))


async def deleted(exchange: Exchange) -> Reply:
    """One that is not there is none the less gone."""
    exchange.principal.require(removing.DELETE.role)
    asked = query_of(exchange.query, Asked)
    session = await find(exchange, of(asked.user_id, asked.namespace, exchange.path["session_id"]))
    if session is not None:
        facts = facts_of(exchange, removing.DELETE, _owner(session))
        await exchange.perform(removing.DELETE, facts, OneSession())
    return ok()


async def read(exchange: Exchange, whose: Whose) -> Working | None:
    """All of the session that is meant, None where there is none."""
    session = await find(exchange, whose)
    if session is None:
        return None
    owner = _owner(session)
    try:
        prompt = await exchange.perform(system.GET, facts_of(exchange, system.GET, owner), OneSession())
        beside = slot.read(prompt.system.message)
    except NotFound:
        beside = slot.Beside()
    facts = facts_of(exchange, HISTORY, owner)
    said: list[dict[str, Any]] = []
    cursor: str | None = None
    while True:
        page = await exchange.perform(HISTORY, facts, request_of(HistoryOf, {"limit": _PAGE, "cursor": cursor}))
        said = [*map(_sent, page.messages), *said]
        cursor = page.cursor
        if cursor is None:
            return Working(whose=owner, messages=slot.joined(said, beside.systems), beside=beside)


def fitting(route: BoundRoute, messages: list[dict[str, Any]], size: int | None) -> list[dict[str, Any]]:
    """The newest that fit into a window, and one at least."""
    if size is None:
        return messages
    left = size
    for at in range(len(messages) - 1, -1, -1):
        left -= route.count_tokens(messages[at]["content"])
        if left < 0:
            return messages[min(at + 1, len(messages) - 1) :]
    return messages


def _owner(session: Session) -> Whose:
    return of(session.user_id, session.agent_id, session.session_id)


def _message(given: dict[str, Any], route: BoundRoute, now: str) -> dict[str, Any]:
    content, role = given.get("content"), given.get("role")
    if not isinstance(content, str) or not content.strip() or not isinstance(role, str) or not role.strip():
        raise Malformed("every message has a role, and a content that is not empty", code="bad_message", at="messages")
    own = {} if given.get("id") and given.get("created_at") else {"id": route.mint.stamp().id, "created_at": now}
    return {**own, **{name: value for name, value in given.items() if value is not None}}


def _sent(message: Message) -> dict[str, Any]:
    """As the client sent it; what another client has left out of it is told."""
    body: dict[str, Any] = msgspec.json.decode(message.message)
    text = message_text(body) or " "  # a bare call of a tool has none
    return {"id": message.id, "created_at": message.created_at.isoformat(), **body, "content": text}


async def _promoted(exchange: Exchange, whose: Whose, memories: list[Record], now: str) -> list[dict[str, Any]]:
    """Memories are made of those that are none yet, with the session's owners where they name none."""
    own = {"user_id": whose.user or None, "namespace": whose.agent or None, "session_id": whose.run or None}
    filled = [
        msgspec.structs.replace(each, **{name: getattr(each, name) or value for name, value in own.items()})
        for each in memories
    ]
    fresh = [each for each in filled if each.persisted_at is None]
    if fresh:
        await create(exchange, fresh, deduplicate=True)
    return [{"persisted_at": now, **msgspec.to_builtins(each)} for each in filled]


def _shown(route: BoundRoute, working: Working, size: int | None) -> dict[str, Any]:
    beside, whose = working.beside, working.whose
    tokens = sum(route.count_tokens(each["content"]) for each in working.messages)
    used, until = windows.shares(tokens, size)
    return {
        "session_id": whose.run,
        "user_id": whose.user or None,
        "namespace": whose.agent or None,
        "messages": working.messages,
        "memories": beside.memories,
        "data": beside.data,
        "context": beside.context,
        "tokens": tokens,
        "ttl_seconds": beside.ttl_seconds,
        "long_term_memory_strategy": beside.strategy or _DISCRETE,
        "last_accessed": route.mint.now(),
        "context_percentage_total_used": used,
        "context_percentage_until_summarization": until,
    }
