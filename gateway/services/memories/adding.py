"""Adding memories: check, embed, put. A repeated Idempotency-Key lands on the first one's record.

A batch is checked item by item: one bad item is reported and the others are stored.
"""

import hashlib
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, UnsetType

from gateway.domain.errors import Conflict, GatewayError, Invalid, TooLarge, Unavailable
from gateway.domain.hooking import Event
from gateway.domain.ids import Stamp, keyed_id
from gateway.domain.portable import check_json, check_text, check_time
from gateway.domain.principal import Role
from gateway.domain.record import Family, Kind, Record
from gateway.services.asking import Moment, Scoped
from gateway.services.call import Call, Operation
from gateway.services.content import take_content
from gateway.services.hooking import after_write, before_write
from gateway.services.views import Memory, show


class NewMemory(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`content` is text, a list of messages (kept as one memory) or any JSON; `messages` is another name for it."""

    content: msgspec.Raw | UnsetType = UNSET
    messages: msgspec.Raw | UnsetType = UNSET
    metadata: dict[str, Any] = {}
    role: str | None = None
    ttl_seconds: Annotated[float, Meta(gt=0)] | None = None
    created_at: Moment | None = None
    expires_at: Moment | None = None  # the earlier of this, `ttl_seconds` and the route's own holds


class Add(NewMemory, frozen=True, kw_only=True):
    """One memory with its scope."""

    user_id: str | None = None
    agent_id: str | None = None
    run_id: str | None = None
    route: str | None = None


class AddBatch(Scoped, frozen=True, kw_only=True):
    memories: Annotated[list[NewMemory], Meta(min_length=1)]


class Outcome(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What became of one item of a batch."""

    event: Annotated[str, Meta(description="ADD, or SKIP or QUARANTINE where a hook has ruled so, or ERROR.")]
    id: str | None = None
    replayed: bool = False
    code: str | None = None
    detail: str | None = None


class AddedBatch(msgspec.Struct, frozen=True):
    results: list[Outcome]


async def add(call: Call, request: Add) -> Memory:
    draft, event = await before_write(call, Event.ADD, await _draft(call, request, 0))
    if event:
        return show(draft, event)
    record = (await _embedded(call, [draft]))[0]
    new = (await call.route.provider.put([record]))[0]
    told = record if new else await _first(call, record)
    await after_write(call, Event.ADD, told, new=new)
    return show(told, "ADD", replayed=not new)


async def add_batch(call: Call, request: AddBatch) -> AddedBatch:
    limit = call.route.config.layer.limits.max_batch
    if len(request.memories) > limit:
        raise TooLarge(f"a batch of {len(request.memories)}; this route takes {limit}", code="batch_too_large")
    outcomes: list[Outcome | None] = []
    drafts: list[Record] = []
    for index, item in enumerate(request.memories):
        try:
            draft, event = await before_write(call, Event.ADD, await _draft(call, item, index))
            outcomes.append(Outcome(event=event, id=draft.id or None) if event else None)
            if not event:
                drafts.append(draft)
        except Unavailable:
            raise  # nothing of the batch is stored yet
        except GatewayError as error:
            outcomes.append(Outcome(event="ERROR", code=error.code, detail=error.detail))
    records = await _embedded(call, drafts)
    stored: Sequence[bool] = await call.route.provider.put(records) if records else []
    told = iter([await _told(call, record, new=new) for record, new in zip(records, stored, strict=True)])
    return AddedBatch([next(told) if each is None else each for each in outcomes])


async def _draft(call: Call, item: NewMemory, index: int) -> Record:
    layer = call.route.config.layer
    raw = item.content if item.content is not UNSET else item.messages
    if raw is UNSET or (item.content is not UNSET and item.messages is not UNSET):
        raise Invalid("give exactly one of content and messages", code="no_content", at="content")
    content = await take_content(raw, layer.limits.max_content.bytes)
    check_text(item.role or content.role, "role")
    check_metadata(call, item.metadata)
    stamp = call.route.mint.stamp()
    fingerprint = ""
    if call.idempotency_key:
        fingerprint = hashlib.sha256(call.scope.key() + msgspec.json.encode(item)).hexdigest()
        stamp = Stamp(
            keyed_id(call.principal.tenant, call.principal.id, "memory", call.idempotency_key, str(index)), stamp.at
        )
    return Record(
        id=stamp.id,
        kind=Kind.MEMORY,
        scope=call.scope,
        text=content.text,
        body=content.body,
        role=item.role or content.role,
        metadata=item.metadata,
        created_at=stamp.at if item.created_at is None else check_time(item.created_at, "created_at"),
        updated_at=stamp.at,
        expires_at=ending(call, stamp.at, item.expires_at, item.ttl_seconds),
        provenance=call.provenance(fingerprint),
    )


def ending(call: Call, now: datetime, end: datetime | None, ttl_seconds: float | None = None) -> datetime | None:
    """The earliest of what a request wishes and the route's own ttl."""
    latest = call.expires(now, ttl_seconds)
    wished = None if end is None else check_time(end, "expires_at")
    return min((each for each in (latest, wished) if each is not None), default=None)


def check_metadata(call: Call, metadata: dict[str, Any]) -> None:
    """Portable, within the route's size, and true to the route's schema."""
    if metadata:
        try:
            size, limit = len(msgspec.json.encode(metadata)), call.route.config.layer.limits.max_metadata.bytes
        except (UnicodeEncodeError, RecursionError):
            size = limit = 0  # the check says where
        if size > limit:
            raise TooLarge(
                f"metadata has {size} bytes; this route takes {limit}", code="metadata_too_large", at="metadata"
            )
        check_json(metadata, "metadata")
    call.route.check_metadata(metadata)


async def _embedded(call: Call, drafts: Sequence[Record]) -> Sequence[Record]:
    if call.route.embedder is None or not drafts:
        return drafts
    vectors = await call.route.embedder.embed([draft.text for draft in drafts])
    return [msgspec.structs.replace(draft, vector=vector) for draft, vector in zip(drafts, vectors, strict=True)]


async def _first(call: Call, record: Record) -> Record:
    """The record that an earlier request with this key has made; Invalid if that request was another one."""
    found = (await call.route.provider.get(call.reach, [record.id]))[0]
    if not call.idempotency_key:
        raise Conflict("a memory with this id is already there", code="id_taken")
    if found is None or found.provenance.fingerprint != record.provenance.fingerprint:
        raise Invalid(
            "this Idempotency-Key was used for another request", code="idempotency_mismatch", at="Idempotency-Key"
        )
    return found


async def _told(call: Call, record: Record, *, new: bool) -> Outcome:
    try:
        told = record if new else await _first(call, record)
        await after_write(call, Event.ADD, told, new=new)
        return Outcome(event="ADD", id=told.id, replayed=not new)
    except GatewayError as error:
        return Outcome(event="ERROR", code=error.code, detail=error.detail)


ADD: Operation[Add, Memory] = Operation(name="memory.add", op="add", family=Family.MEMORY, role=Role.WRITER, run=add)
ADD_BATCH: Operation[AddBatch, AddedBatch] = Operation(
    name="memory.add_batch", op="add", family=Family.MEMORY, role=Role.WRITER, run=add_batch
)
