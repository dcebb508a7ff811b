"""Adding: a backend that learns by itself is told the messages; on any other each message is a memory, as it was said.

No model is asked here. So `infer` is a wish: with it, what is kept is what a learning backend makes of the messages, or
else the same as without, one memory for each message that is not the system's.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from gateway.domain.errors import Invalid
from gateway.faces.compat.mem0.asking import ENTITIES, body_of, is_list, is_object, request_of
from gateway.faces.compat.mem0.events import event_id
from gateway.faces.compat.mem0.serving import owner, reply
from gateway.faces.compat.mem0.showing import BESIDE, end_of
from gateway.faces.http.exchange import Exchange, Reply
from gateway.services.content import message_text
from gateway.services.memories.adding import ADD_BATCH, AddBatch
from gateway.services.memories.extracting import EXTRACT, Extract

_STEERING: Final = frozenset({  # how a model of mem0's is to extract: there is none here
    "custom_instructions", "agent_custom_instructions", "custom_categories", "structured_data_schema", "includes",
    "excludes", "output_format", "async_mode", "version", "enable_graph", "prompt", "memory_type", "source",
    "deduced_memories", "async", "keyword_search", "batch_size", "llm",
})  # fmt: skip
KNOWN: Final = frozenset({
    *ENTITIES, *_STEERING, "app_id", "messages", "filters", "metadata", "infer", "expiration_date", "timestamp",
    "immutable", "categories",
})  # fmt: skip
_STORED: Final = ("ADD", "UPDATE")


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one message, or of one thing that was learned. An `id` of "" is that of nothing kept."""

    id: str
    text: str
    event: str
    role: str | None = None
    actor_id: str | None = None
    detail: str | None = None


async def added(exchange: Exchange) -> Reply:
    """In the words of v1 to v3: done at once, though the event can be asked for as well."""
    told = await add(exchange, body_of(exchange.body, KNOWN))
    results = [
        {"id": each.id or None, "data": {"memory": each.text}, "memory": each.text, "event": each.event,
         **({"detail": each.detail} if each.detail else {})}
        for each in told
    ]  # fmt: skip
    ids = [each.id for each in told if each.id and each.event in _STORED]
    message = f"{len(ids)} memories kept" if len(ids) != 1 else "1 memory kept"
    return reply({"message": message, "status": "SUCCEEDED", "event_id": event_id(ids), "results": results})


async def add(exchange: Exchange, asked: Mapping[str, Any]) -> list[Told]:
    """Raises what is wrong with the request as a whole, and what is wrong with every message of it."""
    messages = _messages(asked.get("messages"))
    whose, metadata = owner(asked), _metadata(asked)
    infer = asked.get("infer", True)
    if not isinstance(infer, bool):
        raise Invalid("infer is true or false", code="invalid_request", at="infer")
    ends = end_of(asked.get("expiration_date"))
    facts = exchange.facts(EXTRACT, **whose)
    route, _ = exchange.snapshot.route(exchange.principal, facts)
    if infer and route.capabilities.extracts:
        raw = [msgspec.Raw(msgspec.json.encode(each)) for each in messages]
        learned = await exchange.perform(EXTRACT, facts, Extract(messages=raw, metadata=metadata, expires_at=ends))
        return [Told(id=each.id, text=each.content, event=each.event) for each in learned.results]
    return await _kept(exchange, whose, messages, metadata, {"created_at": _moment(asked), "expires_at": ends})


async def _kept(
    exchange: Exchange,
    whose: Mapping[str, str],
    messages: list[dict[str, Any]],
    metadata: dict[str, Any],
    times: dict[str, Any],
) -> list[Told]:
    said = [each for each in messages if each["role"] != "system"]
    if not said:
        return []
    memories = [
        {"content": _content(each), "role": each["role"], "metadata": {**metadata, **_speaker(each)}, **times}
        for each in said
    ]
    facts = exchange.facts(ADD_BATCH, **whose, idempotency_key=exchange.header("idempotency-key") or "")
    outcomes = (await exchange.perform(ADD_BATCH, facts, request_of(AddBatch, {"memories": memories}))).results
    if all(each.event == "ERROR" for each in outcomes):
        raise Invalid(outcomes[0].detail or "", code=outcomes[0].code or "")
    return [
        Told(
            id=outcome.id or "",
            text=message_text(message),
            event=outcome.event,
            role=message["role"],
            actor_id=message.get("name"),
            detail=outcome.detail,
        )
        for message, outcome in zip(said, outcomes, strict=True)
    ]


def _messages(raw: Any) -> list[dict[str, Any]]:
    """A text is the user's; an object is one message."""
    found: Any = [{"role": "user", "content": raw}] if isinstance(raw, str) else [raw] if is_object(raw) else raw
    if not is_list(found) or not found:
        raise Invalid("messages must be a text, a message or a list of messages", code="no_content", at="messages")
    for each in found:
        if not is_object(each) or not isinstance(each.get("role"), str):
            raise Invalid("every message is an object with a role and content", code="bad_message", at="messages")
    return found


def _content(message: Mapping[str, Any]) -> msgspec.Raw:
    """Plain words as they are; what else a message holds is kept as that message."""
    content = message.get("content")
    return msgspec.Raw(msgspec.json.encode(content if isinstance(content, str) else [message]))


def _speaker(message: Mapping[str, Any]) -> dict[str, Any]:
    return {"actor_id": message["name"]} if isinstance(message.get("name"), str) else {}


def _metadata(asked: Mapping[str, Any]) -> dict[str, Any]:
    """The client's own, without identities (they are the owner's, not the memory's), and what mem0 has beside it."""
    given: Any = asked.get("metadata") or {}
    if not is_object(given):
        raise Invalid("metadata is not an object", code="invalid_request", at="metadata")
    filters: Any = asked.get("filters")
    beside = {name: asked[name] for name in BESIDE if name in asked}
    if is_object(filters) and "app_id" in filters:
        beside["app_id"] = filters["app_id"]
    own = {key: value for key, value in given.items() if key not in ENTITIES}
    return {**own, **beside}


def _moment(asked: Mapping[str, Any]) -> datetime | None:
    """`timestamp`: seconds since 1970."""
    value = asked.get("timestamp")
    if value is None:
        return None
    try:
        return datetime.fromtimestamp(float(value), UTC)
    except (TypeError, ValueError, OverflowError, OSError):
        raise Invalid("timestamp is not a number of seconds since 1970", code="bad_time", at="timestamp") from None
