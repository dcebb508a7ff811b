"""Memories and the context block."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final, Literal, TypedDict, Unpack

from msgspec import UNSET, UnsetType

from gateway.client import replies
from gateway.client.operation import Ask, OwnerParts, ScopeParts, ask, operation, raw

ADD = operation("POST", "/v1/memories", replies.Memory, "keyed")
ADD_BATCH = operation("POST", "/v1/memories/batch", replies.AddedBatch, "keyed")
EXTRACT = operation("POST", "/v1/memories/extract", replies.Extraction, "never")
SEARCH = operation("POST", "/v1/memories/search", replies.Results, empty=lambda _: replies.Results(results=[]))
LIST = operation("GET", "/v1/memories", replies.Memories, empty=lambda _: replies.Memories(memories=[]))
DELETE_ALL = operation("DELETE", "/v1/memories", replies.Removed)
GET = operation("GET", "/v1/memories/{memory_id}", replies.Memory)
UPDATE = operation("PATCH", "/v1/memories/{memory_id}", replies.Memory, "never")
DELETE = operation("DELETE", "/v1/memories/{memory_id}", replies.Removed)
HISTORY = operation("GET", "/v1/memories/{memory_id}/history", replies.Events)
CONTEXT = operation("POST", "/v1/context", replies.Block, empty=lambda _: replies.Block(text="", memories=[]))

MODEL: Final = 60.0  # seconds that a model may take


class Recall(TypedDict, total=False):
    """How to find: what is left out is the route's own setting."""

    strategy: str | None
    min_relevance: float | None
    time_window_hours: float | None
    max_tokens: int | None
    filters: Mapping[str, Any] | None
    explain: bool


class Recalling(Recall, ScopeParts, total=False):
    """With whose it is."""


class RecallingOne(Recall, OwnerParts, total=False):
    """The same within one session."""


def add(  # noqa: PLR0913 - what may be said of a memory
    content: Any = UNSET,
    *,
    messages: Sequence[Mapping[str, Any]] | None = None,
    metadata: Mapping[str, Any] | None = None,
    role: str | None = None,
    ttl_seconds: float | None = None,
    created_at: datetime | None = None,
    expires_at: datetime | None = None,
    idempotency_key: str | None = None,
    **scope: Unpack[ScopeParts],
) -> Ask[replies.Memory]:
    """Keeps one memory: `content` (text or any JSON), or `messages` as one. Sent again under the same key, it is one."""
    values = {
        "content": raw(content),
        "messages": messages,
        "metadata": metadata,
        "role": role,
        "ttl_seconds": ttl_seconds,
        "created_at": created_at,
        "expires_at": expires_at,
    }
    return ask(ADD, scope, values, idempotency_key)


def add_batch(
    memories: Sequence[Mapping[str, Any]], *, idempotency_key: str | None = None, **scope: Unpack[ScopeParts]
) -> Ask[replies.AddedBatch]:
    """Each item has what `add` takes, without a scope; the outcome tells each apart, in the order given."""
    return ask(ADD_BATCH, scope, {"memories": memories}, idempotency_key)


def extract(
    messages: Sequence[Mapping[str, Any]],
    *,
    metadata: Mapping[str, Any] | None = None,
    expires_at: datetime | None = None,
    wait: bool = True,
    **scope: Unpack[ScopeParts],
) -> Ask[replies.Extraction]:
    """Lets the backend learn in its own way, where it can. Never sent twice: only the backend knows what it has heard."""
    values = {"messages": messages, "metadata": metadata, "expires_at": expires_at, "wait": wait}
    return ask(EXTRACT, scope, values, patience=MODEL if wait else 0)


def search(query: str = "", *, top_k: int | None = None, **how: Unpack[Recalling]) -> Ask[replies.Results]:
    """The best first, by the route's strategy."""
    return ask(SEARCH, {}, {"query": query, "top_k": top_k, **how})


def context(query: str = "", *, top_k: int | None = None, **how: Unpack[Recalling]) -> Ask[replies.Block]:
    """What a search finds, and the same as a text for a prompt, by the route's template."""
    return ask(CONTEXT, {}, {"query": query, "top_k": top_k, **how})


def get(memory_id: str, **scope: Unpack[ScopeParts]) -> Ask[replies.Memory]:
    """NotFound where it is absent, expired or somebody else's."""
    return ask(GET, scope, {}, memory_id=memory_id)


def list_(
    *,
    limit: int | None = None,
    cursor: str | None = None,
    filters: Mapping[str, Any] | None = None,
    order: Literal["newest", "oldest"] | None = None,
    **scope: Unpack[ScopeParts],
) -> Ask[replies.Memories]:
    """A page, newest first; its `cursor` given back leads to the next."""
    return ask(LIST, scope, {"limit": limit, "cursor": cursor, "filters": filters, "order": order})


def update(
    memory_id: str,
    *,
    content: Any = UNSET,
    metadata: Mapping[str, Any] | None = None,
    expires_at: datetime | UnsetType | None = UNSET,
    version: int | None = None,
    **scope: Unpack[ScopeParts],
) -> Ask[replies.Memory]:
    """What is not named stays; `metadata` is merged key by key, null removes one; `expires_at` None lifts the expiry.
    With `version`, Conflict where another change came first."""
    values = {"content": raw(content), "metadata": metadata, "expires_at": raw(expires_at), "version": version}
    return ask(UPDATE, scope, values, memory_id=memory_id)


def delete(memory_id: str, **scope: Unpack[ScopeParts]) -> Ask[replies.Removed]:
    """1 where it was there and the caller's, else 0."""
    return ask(DELETE, scope, {}, memory_id=memory_id)


def delete_all(*, filters: Mapping[str, Any] | None = None, **scope: Unpack[ScopeParts]) -> Ask[replies.Removed]:
    """Everything of the scope, or of it what passes the filter."""
    return ask(DELETE_ALL, scope, {"filters": filters})


def history(memory_id: str, **scope: Unpack[ScopeParts]) -> Ask[replies.Events]:
    """Oldest first, beginning with ADD."""
    return ask(HISTORY, scope, {}, memory_id=memory_id)
