"""Putting checkpoints. The same id again replaces the state and keeps its place; of two that race, both are versions.

After each new one the oldest go, so that a run holds no more than its route's `max_per_run`.
"""

import hashlib
from datetime import datetime
from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, UnsetType

from gateway.domain.errors import Conflict, Invalid, TooLarge
from gateway.domain.hooking import Event
from gateway.domain.ids import Stamp, keyed_id
from gateway.domain.portable import check_json
from gateway.domain.principal import Role
from gateway.domain.record import Family, Kind, Record
from gateway.domain.scope import Reach, check_part
from gateway.services.asking import Scoped
from gateway.services.call import Call, Operation
from gateway.services.checkpoints.pruning import prune_to
from gateway.services.checkpoints.showing import CheckpointInfo, Noted, record_id, show_info
from gateway.services.hooking import after_write, before_write
from gateway.services.memories.adding import check_metadata
from gateway.services.memories.changing import ATTEMPTS

Label = Annotated[str, Meta(max_length=512)]


class NewCheckpoint(Scoped, frozen=True, kw_only=True):
    """`state` is any JSON. Without `checkpoint_id` one is made. `sequence` is kept and orders nothing."""

    state: msgspec.Raw
    checkpoint_id: Annotated[str, Meta(min_length=1)] | None = None
    step_name: Label = ""
    status: Label = ""
    parent_id: Label | None = None
    tags: Annotated[list[Label], Meta(max_length=100)] = []
    sequence: int | None = None
    metadata: dict[str, Any] = {}
    ttl_seconds: Annotated[float, Meta(gt=0)] | None = None


class PutCheckpoint(CheckpointInfo, frozen=True, kw_only=True):
    """`replayed`: an earlier request with this Idempotency-Key had put it."""

    replayed: bool | UnsetType = UNSET
    event: str | UnsetType = UNSET  # SKIP, where a hook has ruled so


async def put(call: Call, request: NewCheckpoint) -> PutCheckpoint:
    provider = call.route.provider
    draft, event = await before_write(call, Event.CHECKPOINT, _draft(call, request))
    if event:
        return _told(draft, event=event)
    if (await provider.put([draft]))[0]:
        await after_write(call, Event.CHECKPOINT, draft)
        await prune_to(call, Reach.only(call.scope), call.route.config.layer.checkpoints.max_per_run)
        return _told(draft)
    for _ in range(ATTEMPTS):
        old = (await provider.get(call.reach, [draft.id]))[0]
        if old is not None and call.idempotency_key and old.provenance.fingerprint == draft.provenance.fingerprint:
            await after_write(call, Event.CHECKPOINT, old, new=False)
            return _told(old, replayed=True)
        if call.idempotency_key and request.checkpoint_id is None and old is not None:
            raise Invalid(
                "this Idempotency-Key was used for another request", code="idempotency_mismatch", at="Idempotency-Key"
            )
        new = draft if old is None else _over(call, draft, old)
        if (await provider.put([new]))[0]:
            await after_write(call, Event.CHECKPOINT, new)
            return _told(new)
    raise Conflict("too many concurrent changes to this checkpoint; try again", code="contended")


def expires(call: Call, at: datetime, ttl_seconds: float | None) -> datetime | None:
    """The request's wish, but never later than the route allows checkpoints, or anything, to live."""
    own = call.route.config.layer.checkpoints.ttl
    limits = [each for each in (ttl_seconds, own.seconds if own else None) if each is not None]
    return call.expires(at, min(limits) if limits else None)


def read_state(call: Call, raw: msgspec.Raw, at: str) -> bytes:
    """The JSON as it was sent; refused where it is too large for the route, or no text."""
    state, limit = bytes(raw), call.route.config.layer.limits.max_content.bytes
    if len(state) > limit:
        raise TooLarge(f"{at} has {len(state)} bytes; this route takes {limit}", code="content_too_large", at=at)
    try:
        state.decode()
    except UnicodeDecodeError:
        raise Invalid(f"{at} is not UTF-8", code="bad_encoding", at=at) from None
    return state


def _draft(call: Call, request: NewCheckpoint) -> Record:
    state = read_state(call, request.state, "state")
    check_metadata(call, request.metadata)
    stamp, fingerprint = call.route.mint.stamp(), ""
    if call.idempotency_key:
        told = msgspec.json.encode([call.idempotency_key, request])
        fingerprint = hashlib.sha256(call.scope.key() + told).hexdigest()
    noted = Noted(
        checkpoint_id=_id(call, request, stamp),
        step_name=request.step_name,
        status=request.status,
        parent_id=request.parent_id,
        tags=request.tags,
        sequence=request.sequence,
        metadata=request.metadata,
        bytes=len(state),
    )
    metadata: dict[str, Any] = msgspec.to_builtins(noted)
    check_json(metadata, "checkpoint")
    return Record(
        id=record_id(call.scope, noted.checkpoint_id),
        kind=Kind.CHECKPOINT,
        scope=call.scope,
        text="",
        body=state,
        metadata=metadata,
        created_at=stamp.at,
        updated_at=stamp.at,
        expires_at=expires(call, stamp.at, request.ttl_seconds),
        provenance=call.provenance(fingerprint),
    )


def _id(call: Call, request: NewCheckpoint, stamp: Stamp) -> str:
    if request.checkpoint_id is not None:
        return check_part(request.checkpoint_id, "checkpoint_id")
    if call.idempotency_key:
        return keyed_id(call.principal.tenant, "checkpoint", call.principal.id, call.idempotency_key)
    return stamp.id


def _over(call: Call, draft: Record, old: Record) -> Record:
    """The draft as the next version, in the place of the first."""
    return msgspec.structs.replace(
        draft, created_at=old.created_at, updated_at=call.route.mint.now(), version=old.version + 1
    )


def _told(record: Record, *, replayed: bool | UnsetType = UNSET, event: str | UnsetType = UNSET) -> PutCheckpoint:
    return PutCheckpoint(**msgspec.structs.asdict(show_info(record)), replayed=replayed, event=event)


PUT: Operation[NewCheckpoint, PutCheckpoint] = Operation(
    name="checkpoint.put", op="add", family=Family.CHECKPOINT, role=Role.WRITER, run=put, one_run=True
)
