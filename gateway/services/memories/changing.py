"""Changing a memory: content, metadata, or both; what is not named stays. Concurrent changes never overwrite unseen.

Each change is a new version that only the newest may follow, so of two that race one starts again on what the other
wrote; with `version` given, it is refused instead.
"""

from datetime import datetime
from typing import Any, Final

import msgspec
from msgspec import UNSET, UnsetType

from gateway.domain.errors import Conflict, Invalid
from gateway.domain.hooking import Event
from gateway.domain.portable import check_time
from gateway.domain.principal import Role
from gateway.domain.record import Family, Record
from gateway.domain.scope import Reach
from gateway.services.asking import Moment, Scoped
from gateway.services.call import Call, Operation
from gateway.services.content import take_content
from gateway.services.hooking import after_write, before_write
from gateway.services.memories.adding import check_metadata
from gateway.services.memories.past import changed
from gateway.services.memories.reading import one
from gateway.services.replacing import replaced
from gateway.services.views import Memory, show

ATTEMPTS: Final = 16


class Change(Scoped, frozen=True, kw_only=True):
    """`metadata` is merged key by key; a key set to null is removed. `expires_at` null lifts the expiry."""

    memory_id: str
    content: msgspec.Raw | UnsetType = UNSET
    metadata: dict[str, Any] | UnsetType = UNSET
    expires_at: Moment | UnsetType | None = UNSET
    version: int | None = None


async def update(call: Call, request: Change) -> Memory:
    if request.content is UNSET and request.metadata is UNSET and request.expires_at is UNSET:
        raise Invalid("name content, metadata or expires_at", code="no_change")
    for _ in range(ATTEMPTS):
        old = await one(call, request.memory_id)
        if request.version is not None and request.version != old.version:
            raise Conflict(f"the memory is at version {old.version}", code="version_mismatch", at="version")
        new, event = await before_write(call, Event.UPDATE, await _next(call, old, request), old)
        if event:
            return show(old if event == "SKIP" else new, event)
        new = await _embedded(call, old, new)
        if await follows(call, old, new):
            await after_write(call, Event.UPDATE, new)
            return show(new, "UPDATE")
        # Another change or a deletion came first: look again.
    raise Conflict("too many concurrent changes to this memory; try again", code="contended")


async def follows(call: Call, old: Record, new: Record) -> bool:
    """Whether the new version took the old one's place, with a note of that beside it. What was deleted stays deleted."""
    route, reach, notes = call.route, Reach.only(old.scope), changed(call, old, new)
    return (await replaced(route.provider, reach, [new], notes, surely=route.capabilities.replaces))[0]


async def _next(call: Call, old: Record, request: Change) -> Record:
    text, body, role = old.text, old.body, old.role
    if request.content is not UNSET:
        content = await take_content(request.content, call.route.config.layer.limits.max_content.bytes)
        text, body, role = content.text, content.body, content.role or old.role
    metadata = old.metadata
    if request.metadata is not UNSET:
        merged = {**old.metadata, **request.metadata}
        metadata = {key: value for key, value in merged.items() if request.metadata.get(key, value) is not None}
        check_metadata(call, metadata)
    now = call.route.mint.now()
    expires = old.expires_at if request.expires_at is UNSET else _bounded(call, request.expires_at, now)
    return msgspec.structs.replace(
        old,
        text=text,
        body=body,
        role=role,
        metadata=metadata,
        updated_at=now,
        expires_at=expires,
        version=old.version + 1,
    )


async def _embedded(call: Call, old: Record, new: Record) -> Record:
    if call.route.embedder is None or (new.text == old.text and old.vector is not None):
        return new
    return msgspec.structs.replace(new, vector=(await call.route.embedder.embed([new.text]))[0])


def _bounded(call: Call, wished: datetime | None, now: datetime) -> datetime | None:
    """The wish, but never past the route's ttl."""
    seconds = None if wished is None else (check_time(wished, "expires_at") - now).total_seconds()
    return call.expires(now, seconds)


UPDATE: Operation[Change, Memory] = Operation(
    name="memory.update", op="update", family=Family.MEMORY, role=Role.WRITER, run=update
)
