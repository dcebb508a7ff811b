"""A prompt for a model: what was said in a session, the memories that matter, marked as data, and what is asked."""

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from gateway.domain.errors import Malformed
from gateway.faces.compat.agent_memory import filters, windows
from gateway.faces.compat.agent_memory.finding import Asked, query_of, read
from gateway.faces.compat.agent_memory.records import shown
from gateway.faces.compat.agent_memory.serving import reply
from gateway.faces.compat.agent_memory.whose import facts_of, noted, of
from gateway.faces.compat.agent_memory.working import fitting
from gateway.faces.compat.agent_memory.working import read as read_session
from gateway.faces.compat.asking import body_of, request_of
from gateway.faces.http.exchange import Exchange, Reply
from gateway.services.context import Prompting
from gateway.services.memories.across import CONTEXT_ACROSS
from gateway.services.sessions.history import HISTORY


class Of(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    session_id: str
    namespace: str | None = None
    user_id: str | None = None
    model_name: str | None = None
    context_window_max: Annotated[int, Meta(ge=1)] | str | None = None


class Wanted(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    query: str
    session: Of | None = None
    long_term_search: Asked | bool | None = None


async def prompted(exchange: Exchange) -> Reply:
    asked = body_of(exchange.body, Wanted)
    if asked.session is None and not asked.long_term_search:
        raise Malformed("give session, long_term_search or both", code="bad_request")
    messages = await _said(exchange, asked.session) if asked.session else []
    memories: list[dict[str, Any]] = []
    if asked.long_term_search:
        text, memories = await _remembered(exchange, asked, asked.long_term_search)
        messages += [_turn("system", text)] if text else []
    return reply({"messages": [*messages, _turn("user", asked.query)], "long_term_memories": memories})


async def _said(exchange: Exchange, session: Of) -> list[dict[str, Any]]:
    working = await read_session(exchange, of(session.user_id, session.namespace, session.session_id))
    if working is None:
        return []
    route, _ = exchange.snapshot.route(exchange.principal, facts_of(exchange, HISTORY, working.whose))
    size = windows.window(session.model_name, _size(session.context_window_max))
    summary = working.beside.context
    head = [_turn("system", f"## What was said before, summed up\n{summary}")] if summary else []
    return head + [_turn(each["role"], each["content"]) for each in fitting(route, working.messages, size)]


async def _remembered(exchange: Exchange, asked: Wanted, search: Asked | bool) -> tuple[str, list[dict[str, Any]]]:
    """The route's own block of memories, and the memories in it."""
    tests: list[dict[str, Any]] = []
    if isinstance(search, bool):
        search = Asked(limit=20)
        tests += [{"run": {"ne": asked.session.session_id}}] if asked.session else []  # that is in it already
    wanted = read(msgspec.structs.replace(search, text=asked.query))
    whose = wanted.whose
    if asked.session and asked.session.user_id and search.user_id is None:
        whose = msgspec.structs.replace(whose, user=asked.session.user_id)
    facts = facts_of(exchange, CONTEXT_ACROSS, whose)
    where = filters.together([*wanted.tests, *tests, *noted(exchange, facts)])
    values = {**query_of(search), "query": asked.query, "filters": where, "top_k": search.offset + search.limit}
    block = await exchange.perform(CONTEXT_ACROSS, facts, request_of(Prompting, values))
    return block.text, [shown(each) for each in block.memories[search.offset :]]


def _size(given: int | str | None) -> int | None:
    if isinstance(given, str):
        if not given.isdecimal() or int(given) == 0:
            raise Malformed("context_window_max is a number from 1 on", code="bad_request", at="context_window_max")
        return int(given)
    return given


def _turn(role: str, text: str) -> dict[str, Any]:
    return {"role": role, "content": {"type": "text", "text": text}}
