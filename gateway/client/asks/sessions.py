"""Sessions: messages in their order, a system prompt beside them."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final, Literal, Unpack

from msgspec import UNSET

from gateway.client import replies
from gateway.client.asks.memories import MODEL, RecallingOne
from gateway.client.operation import Ask, OwnerParts, ScopeParts, ask, operation, raw

_ONE: Final = "/v1/sessions/{session_id}"

MINT = operation("POST", "/v1/sessions", replies.Session, "never")
LIST = operation("GET", "/v1/sessions", replies.Sessions, empty=lambda _: replies.Sessions(sessions=[]))
DELETE = operation("DELETE", _ONE, replies.Removed)
APPEND = operation("POST", f"{_ONE}/messages", replies.Appended, "keyed")
HISTORY = operation(
    "GET",
    f"{_ONE}/messages",
    replies.History,
    empty=lambda at: replies.History(session_id=at["session_id"], messages=[]),
)
CLEAR = operation("DELETE", f"{_ONE}/messages", replies.Removed)
TRIM = operation("POST", f"{_ONE}/trim", replies.Removed)
CONTEXT = operation(
    "GET",
    f"{_ONE}/context",
    replies.Window,
    empty=lambda at: replies.Window(session_id=at["session_id"], messages=[], tokens=0, max_tokens=0),
)
SEARCH = operation(
    "POST",
    f"{_ONE}/search",
    replies.FoundMessages,
    empty=lambda at: replies.FoundMessages(session_id=at["session_id"], results=[]),
)
SUMMARY = operation("GET", f"{_ONE}/summary", replies.Summary)
SUMMARIZE = operation("POST", f"{_ONE}/summarize", replies.Summary)
STATS = operation("GET", f"{_ONE}/stats", replies.Stats)
SET_SYSTEM = operation("PUT", f"{_ONE}/system", replies.System)
SYSTEM = operation("GET", f"{_ONE}/system", replies.System)
DELETE_SYSTEM = operation("DELETE", f"{_ONE}/system", replies.Removed)


def mint(*, metadata: Mapping[str, Any] | None = None, **scope: Unpack[ScopeParts]) -> Ask[replies.Session]:
    """A session with an id of the gateway's making, or with `run_id` as its id."""
    return ask(MINT, scope, {"metadata": metadata})


def list_(
    *,
    limit: int | None = None,
    cursor: str | None = None,
    filters: Mapping[str, Any] | None = None,
    order: Literal["newest", "oldest"] | None = None,
    **scope: Unpack[ScopeParts],
) -> Ask[replies.Sessions]:
    """A page, newest first; its `cursor` given back leads to the next."""
    return ask(LIST, scope, {"limit": limit, "cursor": cursor, "filters": filters, "order": order})


def delete(session_id: str, **scope: Unpack[OwnerParts]) -> Ask[replies.Removed]:
    """With all it holds."""
    return ask(DELETE, scope, {}, session_id=session_id)


def append(
    session_id: str,
    messages: Sequence[Mapping[str, Any]] | Mapping[str, Any],
    *,
    idempotency_key: str | None = None,
    **scope: Unpack[OwnerParts],
) -> Ask[replies.Appended]:
    """One message or several, in their order; every key of theirs is kept. One with the role system sets the prompt."""
    many = [messages] if isinstance(messages, Mapping) else messages
    return ask(APPEND, scope, {"messages": many}, idempotency_key, session_id=session_id)


def history(  # noqa: PLR0913 - what may be picked by
    session_id: str,
    *,
    limit: int | None = None,
    offset: int | None = None,
    cursor: str | None = None,
    roles: Sequence[str] | None = None,
    filters: Mapping[str, Any] | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    **scope: Unpack[OwnerParts],
) -> Ask[replies.History]:
    """The last `limit` messages but the newest `offset`, oldest first; `cursor` goes on before an earlier reply."""
    values = {
        "limit": limit,
        "offset": offset,
        "cursor": cursor,
        "roles": None if roles is None else list(roles),
        "filters": filters,
        "since": since,
        "until": until,
    }
    return ask(HISTORY, scope, values, session_id=session_id)


def clear(session_id: str, **scope: Unpack[OwnerParts]) -> Ask[replies.Removed]:
    """The messages go, the system prompt stays."""
    return ask(CLEAR, scope, {}, session_id=session_id)


def trim(session_id: str, *, keep: int, **scope: Unpack[OwnerParts]) -> Ask[replies.Removed]:
    """Only the newest `keep` messages stay."""
    return ask(TRIM, scope, {"keep": keep}, session_id=session_id)


def context(session_id: str, *, max_tokens: int | None = None, **scope: Unpack[OwnerParts]) -> Ask[replies.Window]:
    """The newest messages that fit, oldest first."""
    return ask(CONTEXT, scope, {"max_tokens": max_tokens}, session_id=session_id)


def search(
    session_id: str, query: str = "", *, top_k: int | None = None, **how: Unpack[RecallingOne]
) -> Ask[replies.FoundMessages]:
    """Messages by the route's strategy, the best first."""
    return ask(SEARCH, {}, {"query": query, "top_k": top_k, **how}, session_id=session_id)


def summary(session_id: str, **scope: Unpack[OwnerParts]) -> Ask[replies.Summary]:
    """As it was last summed up. NotFound where there is none, or none yet."""
    return ask(SUMMARY, scope, {}, session_id=session_id)


def summarize(session_id: str, **scope: Unpack[OwnerParts]) -> Ask[replies.Summary]:
    """Sums up now what was said since; "" where nothing was."""
    return ask(SUMMARIZE, scope, {}, patience=MODEL, session_id=session_id)


def stats(session_id: str, **scope: Unpack[OwnerParts]) -> Ask[replies.Stats]:
    return ask(STATS, scope, {}, session_id=session_id)


def set_system(
    session_id: str,
    content: Any = UNSET,
    *,
    message: Mapping[str, Any] | None = None,
    **scope: Unpack[OwnerParts],
) -> Ask[replies.System]:
    """`content` (text or parts) or a whole `message`; what was there is replaced."""
    return ask(SET_SYSTEM, scope, {"content": raw(content), "message": message}, session_id=session_id)


def system(session_id: str, **scope: Unpack[OwnerParts]) -> Ask[replies.System]:
    """NotFound where none is set."""
    return ask(SYSTEM, scope, {}, session_id=session_id)


def delete_system(session_id: str, **scope: Unpack[OwnerParts]) -> Ask[replies.Removed]:
    return ask(DELETE_SYSTEM, scope, {}, session_id=session_id)
