"""Reading checkpoints: one by its id, the latest of a run, or a list of them without their states.

The order is that in which they were first put, whatever sequence numbers or clocks a client has.
"""

from typing import Annotated

import msgspec
from msgspec import Meta

from gateway.domain.errors import Malformed, NotFound
from gateway.domain.filters import All, Compare, Filter
from gateway.domain.hooking import Event
from gateway.domain.ports import Scan, Where
from gateway.domain.principal import Role
from gateway.domain.record import Family, Kind, Record
from gateway.services.asking import Scoped
from gateway.services.call import Call, Operation
from gateway.services.checkpoints.pruning import CHECKPOINTS
from gateway.services.checkpoints.showing import Checkpoint, CheckpointInfo, record_id, show, show_info
from gateway.services.cursors import seal, unseal
from gateway.services.hooking import after_records, before_read
from gateway.services.sessions.listing import check_pinned
from gateway.services.walking import newest


class OneCheckpoint(Scoped, frozen=True, kw_only=True):
    """Without a run, the newest checkpoint of this id in any run of the user or agent named."""

    checkpoint_id: str


class OneRun(Scoped, frozen=True, kw_only=True):
    """One run, named by the request's scope."""


class CheckpointListing(Scoped, frozen=True, kw_only=True):
    """Without a run, those of all runs of the user or agent named."""

    limit: Annotated[int, Meta(ge=1)] = 100
    cursor: str | None = None
    status: str | None = None
    tag: Annotated[str, Meta(description="One of a checkpoint's tags.")] | None = None


class Checkpoints(msgspec.Struct, frozen=True, kw_only=True):
    """A page, newest first. `cursor` leads to the next; null on the last."""

    checkpoints: list[CheckpointInfo]
    cursor: str | None


async def get(call: Call, request: OneCheckpoint) -> Checkpoint:
    goes_on = await before_read(call, Event.GET, target=request.checkpoint_id) is not None
    return await _shown(call, await find(call, request.checkpoint_id) if goes_on else None)


async def latest(call: Call, _request: OneRun) -> Checkpoint:
    goes_on = await before_read(call, Event.GET) is not None
    return await _shown(call, await newest(call.route.provider, call.reach, Where(CHECKPOINTS)) if goes_on else None)


async def list_(call: Call, request: CheckpointListing) -> Checkpoints:
    check_pinned(call)
    where = Where(CHECKPOINTS, _filter(request))
    if await before_read(call, Event.LIST) is None:
        return Checkpoints(checkpoints=[], cursor=None)
    key = call.route.cursor_key
    after = unseal(key, request.cursor, call.reach, where) if request.cursor is not None else None
    limit = min(request.limit, call.route.config.layer.limits.max_page)
    page = await call.route.provider.scan(call.reach, Scan(where=where, limit=limit, after=after, bodies=False))
    return Checkpoints(
        checkpoints=[show_info(record) for record in await after_records(call, Event.LIST, page.records)],
        cursor=seal(key, page.next, call.reach, where) if page.next is not None else None,
    )


async def find(call: Call, checkpoint_id: str) -> Record | None:
    """By its own id where the reach is one run; where it covers many, the newest that has the id."""
    if not call.pinned:
        raise Malformed("name the run of this checkpoint", code="missing_scope_part", at="run_id")
    if call.reach.exact() is not None:
        found = (await call.route.provider.get(call.reach, [record_id(call.scope, checkpoint_id)]))[0]
        return found if found is not None and found.kind is Kind.CHECKPOINT else None
    where = Where(CHECKPOINTS, Compare("eq", checkpoint_id, path=("checkpoint_id",)))
    return await newest(call.route.provider, call.reach, where)


async def _shown(call: Call, record: Record | None) -> Checkpoint:
    left = await after_records(call, Event.GET, [record] if record is not None else [])
    if not left:
        raise NotFound("no such checkpoint", code="no_checkpoint")
    return show(left[0])


def _filter(request: CheckpointListing) -> Filter | None:
    tests: list[Filter] = []
    if request.status is not None:
        tests.append(Compare("eq", request.status, path=("status",)))
    if request.tag is not None:
        tests.append(Compare("contains", request.tag, path=("tags",)))
    return All(tuple(tests)) if tests else None


GET: Operation[OneCheckpoint, Checkpoint] = Operation(
    name="checkpoint.get", op="get", family=Family.CHECKPOINT, role=Role.READER, run=get
)
LATEST: Operation[OneRun, Checkpoint] = Operation(
    name="checkpoint.latest", op="get", family=Family.CHECKPOINT, role=Role.READER, run=latest, one_run=True
)
LIST: Operation[CheckpointListing, Checkpoints] = Operation(
    name="checkpoint.list", op="list", family=Family.CHECKPOINT, role=Role.READER, run=list_
)
