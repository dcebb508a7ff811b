"""One memory by its id, and batches of such: seen, changed, deleted, judged, and what it said before."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, cast

import msgspec

from gateway.domain.errors import Invalid, NotFound, TooLarge
from gateway.faces.compat.mem0.asking import body_of, is_object, query_of, request_of, text_of
from gateway.faces.compat.mem0.serving import Place, find, reply, routes
from gateway.faces.compat.mem0.showing import end_of, item
from gateway.faces.compat.mem0.showing import text_of as content_text
from gateway.faces.http.exchange import Exchange, Reply
from gateway.services.memories.across import HISTORY_ANYWHERE
from gateway.services.memories.changing import UPDATE, Change
from gateway.services.memories.past import OPERATION as HISTORY
from gateway.services.memories.past import Events
from gateway.services.memories.reading import One
from gateway.services.memories.removing import DELETE
from gateway.services.views import Memory

CHANGED: Final = frozenset({"text", "metadata", "timestamp", "expiration_date"})
_FEEDBACK: Final = ("POSITIVE", "NEGATIVE", "VERY_NEGATIVE")
_BATCH: Final = 1000


async def seen(exchange: Exchange) -> Reply:
    query_of(exchange.query, ())
    return reply(item((await find(exchange, exchange.path["memory_id"])).memory))


async def changed(exchange: Exchange) -> Reply:
    asked = body_of(exchange.body, CHANGED)
    return reply(item(await change(exchange, await find(exchange, exchange.path["memory_id"]), asked)))


async def deleted(exchange: Exchange) -> Reply:
    linked = query_of(exchange.query, {"delete_linked"}).get("delete_linked")
    await remove(exchange, await find(exchange, exchange.path["memory_id"]))
    return reply({"message": "Memory deleted successfully!", **({"cascade_count": 0} if linked else {})})


async def history(exchange: Exchange) -> Reply:
    return reply(await past(exchange, exchange.path["memory_id"]))


async def feedback(exchange: Exchange) -> Reply:
    """Kept with the memory, where a filter finds it."""
    asked = body_of(exchange.body, {"memory_id", "feedback", "feedback_reason"})
    judged = asked.get("feedback")
    if judged is not None and (not isinstance(judged, str) or judged.upper() not in _FEEDBACK):
        raise Invalid(f"feedback is one of {', '.join(_FEEDBACK)}", code="invalid_request", at="feedback")
    given = {"feedback": judged and judged.upper(), "feedback_reason": asked.get("feedback_reason")}
    place = await find(exchange, text_of(asked, "memory_id"))
    await _update(exchange, place, {"metadata": given})
    return reply({"id": place.memory.id, **given})


async def changed_many(exchange: Exchange) -> Reply:
    """All are found before any is changed; they are changed one after the other."""
    items = _items(exchange, {"memory_id", *CHANGED})
    places = [await find(exchange, text_of(each, "memory_id")) for each in items]
    for place, each in zip(places, items, strict=True):
        await change(exchange, place, each)
    return reply({"message": f"Successfully updated {len(items)} memories"})


async def deleted_many(exchange: Exchange) -> Reply:
    places = [await find(exchange, text_of(each, "memory_id")) for each in _items(exchange, {"memory_id"})]
    for place in places:
        await remove(exchange, place)
    return reply({"message": f"Successfully deleted {len(places)} memories"})


async def change(exchange: Exchange, place: Place, asked: Mapping[str, Any]) -> Memory:
    """A text that is not given stays; metadata is merged, as it is in mem0."""
    if place.memory.metadata.get("immutable") is True:
        raise Invalid("this memory is immutable: it can only be deleted", code="immutable")
    values: dict[str, Any] = {}
    if (text := asked.get("text")) is not None:
        values["content"] = msgspec.Raw(msgspec.json.encode(text))
    metadata: Any = asked.get("metadata") or {}
    if "timestamp" in asked and is_object(metadata):
        metadata = {**metadata, "timestamp": asked["timestamp"]}
    if metadata:
        values["metadata"] = metadata
    if "expiration_date" in asked:
        values["expires_at"] = end_of(asked["expiration_date"])
    if not values:
        raise Invalid("name text, metadata, timestamp or expiration_date", code="no_change")
    return await _update(exchange, place, values)


async def _update(exchange: Exchange, place: Place, values: Mapping[str, Any]) -> Memory:
    request = request_of(Change, {**values, "memory_id": place.memory.id})
    return await exchange.perform(UPDATE, place.facts(exchange, UPDATE), request)


async def remove(exchange: Exchange, place: Place) -> None:
    removed = await exchange.perform(DELETE, place.facts(exchange, DELETE), One(memory_id=place.memory.id))
    if not removed.deleted:
        raise NotFound("no memory with this id", code="no_memory")


async def past(exchange: Exchange, memory_id: str) -> list[dict[str, Any]]:
    """Oldest first. Of a memory that is gone, what its route keeps."""
    try:
        place = await find(exchange, memory_id)
    except NotFound:
        return _steps(await _past_of_gone(exchange, memory_id), None)
    events = await exchange.perform(HISTORY, place.facts(exchange, HISTORY), One(memory_id=memory_id))
    return _steps(events, place.memory)


async def _past_of_gone(exchange: Exchange, memory_id: str) -> Events:
    for route in routes(exchange):
        try:
            facts = exchange.facts(HISTORY_ANYWHERE, route=route)
            return await exchange.perform(HISTORY_ANYWHERE, facts, One(memory_id=memory_id))
        except NotFound:
            continue
    raise NotFound("no memory with this id", code="no_memory")


def _steps(events: Events, memory: Memory | None) -> list[dict[str, Any]]:
    return [
        {
            "id": each.id,
            "memory_id": each.memory_id,
            "input": []
            if each.new is None
            else [{"role": (memory and memory.role) or "user", "content": _text(each.new)}],
            "old_memory": _text(each.old),
            "new_memory": _text(each.new),
            "user_id": memory and memory.user_id,
            "event": each.event,
            "metadata": memory and memory.metadata,
            "created_at": each.at,
            "updated_at": each.at,
        }
        for each in events.events
    ]


def _text(content: Any) -> str | None:
    return None if content is None else content_text(content)


def _items(exchange: Exchange, known: set[str]) -> Sequence[dict[str, Any]]:
    items = body_of(exchange.body, {"memories"}).get("memories")
    if not isinstance(items, list) or not items:
        raise Invalid("memories is a list with something in it", code="invalid_request", at="memories")
    listed = cast("list[Any]", items)
    if len(listed) > _BATCH:
        raise TooLarge(f"a batch of {len(listed)}; {_BATCH} is the most", code="batch_too_large")
    for each in listed:
        if not isinstance(each, dict) or not text_of(cast("dict[str, Any]", each), "memory_id"):
            raise Invalid("each of memories is an object with a memory_id", code="invalid_request", at="memories")
        for name in cast("dict[str, Any]", each):
            if name not in known:
                raise Invalid(f"{name!r} is not known here", code="unknown_parameter", at=name)
    return cast("list[dict[str, Any]]", listed)
