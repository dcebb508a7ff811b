"""What steps have done on top of a checkpoint before the next one is put: kept step by step, so that a run that ends in
between goes on without doing them again.

A write has a name of the client's own. The first under a name stays, unless a later one asks to replace it. The
checkpoint need not be there yet, for both may be sent at the same time; writes go with it, and do not count as one.
"""

from datetime import datetime
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta

from gateway.domain.errors import Conflict, Invalid, TooLarge
from gateway.domain.filters import Compare
from gateway.domain.hooking import Event
from gateway.domain.ports import Order, Scan, Where
from gateway.domain.principal import Role
from gateway.domain.record import Family, Kind, Record
from gateway.domain.scope import check_part
from gateway.services.asking import Scoped
from gateway.services.call import Call, Operation
from gateway.services.checkpoints.pruning import WRITES
from gateway.services.checkpoints.putting import expires, read_state
from gateway.services.checkpoints.showing import write_id
from gateway.services.cursors import seal, unseal
from gateway.services.hooking import after_records, after_write, before_read, before_write
from gateway.services.memories.changing import ATTEMPTS


class NewWrite(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`state` is any JSON."""

    write_id: Annotated[str, Meta(min_length=1)]
    state: msgspec.Raw
    replace: Annotated[bool, Meta(description="Take the place of an earlier one of this name.")] = False


class NewWrites(Scoped, frozen=True, kw_only=True):
    checkpoint_id: str
    writes: Annotated[list[NewWrite], Meta(min_length=1)]
    ttl_seconds: Annotated[float, Meta(gt=0)] | None = None


class Stored(msgspec.Struct, frozen=True):
    """How many are new or replaced; the rest were there."""

    stored: int


class WritesOf(Scoped, frozen=True, kw_only=True):
    checkpoint_id: str
    limit: Annotated[int, Meta(ge=1)] = 100
    cursor: str | None = None


class Write(msgspec.Struct, frozen=True, kw_only=True):
    """`state` is the JSON that was put, byte for byte."""

    write_id: str
    state: Any
    created_at: datetime


class Writes(msgspec.Struct, frozen=True, kw_only=True):
    """A page, oldest first. `cursor` leads to the next; null on the last."""

    writes: list[Write]
    cursor: str | None


async def put(call: Call, request: NewWrites) -> Stored:
    """All at once, where the backend can. Repeating it changes nothing."""
    limit = call.route.config.layer.limits.max_batch
    if len(request.writes) > limit:
        raise TooLarge(f"{len(request.writes)} writes; this route takes {limit}", code="batch_too_large", at="writes")
    names = [each.write_id for each in request.writes]
    if len(set(names)) < len(names):
        raise Invalid("two writes of one name", code="two_writes", at="writes")
    checkpoint = check_part(request.checkpoint_id, "checkpoint_id")
    drafts: list[Record] = []
    wanted: list[NewWrite] = []
    for index, given in enumerate(request.writes):
        draft, event = await before_write(call, Event.CHECKPOINT, _draft(call, request, checkpoint, index))
        if not event:
            drafts.append(draft)
            wanted.append(given)
    if not drafts:
        return Stored(0)
    new = await call.route.provider.put(drafts)
    count = sum(new)
    for draft, given, stored in zip(drafts, wanted, new, strict=True):
        if not stored and given.replace:
            await _replace(call, draft)
            count += 1
        await after_write(call, Event.CHECKPOINT, draft, new=stored or given.replace)
    return Stored(count)


async def list_(call: Call, request: WritesOf) -> Writes:
    """Of a checkpoint that is not there, none."""
    where = Where(WRITES, Compare("eq", request.checkpoint_id, path=("checkpoint_id",)))
    if await before_read(call, Event.LIST) is None:
        return Writes(writes=[], cursor=None)
    key = call.route.cursor_key
    after = unseal(key, request.cursor, call.reach, where) if request.cursor is not None else None
    limit = min(request.limit, call.route.config.layer.limits.max_page)
    page = await call.route.provider.scan(call.reach, Scan(where=where, limit=limit, order=Order.OLDEST, after=after))
    return Writes(
        writes=[_show(record) for record in await after_records(call, Event.LIST, page.records)],
        cursor=seal(key, page.next, call.reach, where) if page.next is not None else None,
    )


def _draft(call: Call, request: NewWrites, checkpoint: str, index: int) -> Record:
    given, at = request.writes[index], call.route.mint.now()
    name = check_part(given.write_id, f"writes[{index}].write_id")
    return Record(
        id=write_id(call.scope, checkpoint, name),
        kind=Kind.WRITE,
        scope=call.scope,
        text="",
        body=read_state(call, given.state, f"writes[{index}].state"),
        metadata={"checkpoint_id": checkpoint, "write_id": name},
        created_at=at,
        updated_at=at,
        expires_at=expires(call, at, request.ttl_seconds),
        provenance=call.provenance(),
    )


async def _replace(call: Call, draft: Record) -> None:
    for _ in range(ATTEMPTS):
        old = (await call.route.provider.get(call.reach, [draft.id]))[0]
        new = draft
        if old is not None:
            new = msgspec.structs.replace(draft, created_at=old.created_at, version=old.version + 1)
        if (await call.route.provider.put([new]))[0]:
            return
    raise Conflict("too many concurrent changes to this write; try again", code="contended")


def _show(record: Record) -> Write:
    return Write(
        write_id=str(record.metadata.get("write_id")),
        state=msgspec.Raw(record.body or b"null"),
        created_at=record.created_at,
    )


PUT: Final[Operation[NewWrites, Stored]] = Operation(
    name="checkpoint.write", op="add", family=Family.CHECKPOINT, role=Role.WRITER, run=put, one_run=True
)
LIST: Final[Operation[WritesOf, Writes]] = Operation(
    name="checkpoint.writes", op="list", family=Family.CHECKPOINT, role=Role.READER, run=list_, one_run=True
)
