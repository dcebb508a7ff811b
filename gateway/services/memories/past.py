"""The history of a memory: what it said before. How much is kept is the route's `history:`.

    off    nothing
    live   past texts while the memory lives; its deletion takes the texts along and leaves the events
    full   past texts stay after the deletion as well

History records live in the memory's own scope, so whatever erases the scope erases them.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec

from gateway.domain.errors import NotFound
from gateway.domain.filters import Compare
from gateway.domain.hooking import Event as Hooks
from gateway.domain.ids import keyed_id
from gateway.domain.ports import Order, Scan, Where
from gateway.domain.principal import Role
from gateway.domain.record import Family, Kind, Record
from gateway.services.call import Call, Operation
from gateway.services.hooking import after_records, before_read
from gateway.services.memories.reading import One
from gateway.services.views import content_of

HISTORY = frozenset({Kind.HISTORY})
_MANY = 1000


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """One step. Texts are null where the route's `history:` does not keep them."""

    id: str
    memory_id: str
    event: str
    old: Any
    new: Any
    at: datetime


class Events(msgspec.Struct, frozen=True):
    events: list[Event]


async def history(call: Call, request: One) -> Events:
    """Oldest first, beginning with ADD. NotFound for a memory that never was in this scope."""
    if await before_read(call, Hooks.GET, target=request.memory_id) is None:
        raise NotFound("no memory with this id", code="no_memory")
    current = (await call.route.provider.get(call.reach, [request.memory_id]))[0]
    past = await _past(call, request.memory_id)
    if not past and (current is None or current.kind is not Kind.MEMORY):
        raise NotFound("no memory with this id", code="no_memory")
    shown = await after_records(call, Hooks.GET, past or [_sure(current)])
    if not shown or shown[0].id != (past[0].id if past else _sure(current).id):
        return Events([_event(each) for each in shown if each.kind is Kind.HISTORY])
    current, past = (current, shown) if past else (shown[0], [])
    first = past[0].metadata if past else None
    added = Event(
        id=request.memory_id,
        memory_id=request.memory_id,
        event="ADD",
        old=None,
        new=first["old"] if first is not None else content_of(_sure(current)),
        at=datetime.fromisoformat(first["added_at"]) if first is not None else _sure(current).created_at,
    )
    return Events([added, *map(_event, past)])


def changed(call: Call, old: Record, new: Record) -> list[Record]:
    """What to put beside the new version. Its id is the version's own, so of two racing changes one note stays."""
    if call.route.config.layer.history == "off":
        return []
    return [_note(call, old, new, keep_texts=True)]


async def deleted(call: Call, old: Record) -> None:
    """Note a deletion that has happened, and drop the past texts unless the route keeps them."""
    keeping = call.route.config.layer.history
    if keeping == "off":
        return
    forgotten = [_forgetting(each) for each in await _past(call, old.id)] if keeping == "live" else []
    await call.route.provider.put([*forgotten, _note(call, old, None, keep_texts=keeping == "full")])


def _note(call: Call, old: Record, new: Record | None, *, keep_texts: bool) -> Record:
    at = new.updated_at if new is not None else call.route.mint.now()
    return Record(
        # The time tells it from a note of an earlier memory that had this id: a key may make the same id anew.
        id=keyed_id(old.scope.tenant, "history", old.id, str(old.version + 1), old.updated_at.isoformat()),
        kind=Kind.HISTORY,
        scope=old.scope,
        text="",
        metadata={
            "memory_id": old.id,
            "event": "UPDATE" if new is not None else "DELETE",
            "old": _plain(old) if keep_texts else None,
            "new": _plain(new) if new is not None else None,
            "added_at": old.created_at.isoformat(),
        },
        created_at=at,
        updated_at=at,
        expires_at=old.expires_at,
        provenance=call.provenance(),
    )


async def _past(call: Call, memory_id: str) -> Sequence[Record]:
    where = Where(HISTORY, Compare("eq", memory_id, path=("memory_id",)))
    page = await call.route.provider.scan(call.reach, Scan(where=where, limit=_MANY, order=Order.OLDEST))
    return page.records


def _forgetting(event: Record) -> Record:
    return msgspec.structs.replace(
        event, metadata={**event.metadata, "old": None, "new": None}, version=event.version + 1
    )


def _plain(record: Record) -> Any:
    return record.text if record.body is None else msgspec.json.decode(record.body)


def _event(record: Record) -> Event:
    noted = record.metadata
    return Event(
        id=record.id,
        memory_id=noted["memory_id"],
        event=noted["event"],
        old=noted["old"],
        new=noted["new"],
        at=record.created_at,
    )


def _sure(record: Record | None) -> Record:
    assert record is not None  # noqa: S101 - without past events, the caller has seen it
    return record


OPERATION: Operation[One, Events] = Operation(
    name="memory.history", op="get", family=Family.MEMORY, role=Role.READER, run=history
)
