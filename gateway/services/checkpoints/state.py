"""The state of a run: its status and what the client notes beside it. Of two that set it, the later one stays."""

from datetime import datetime
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta

from gateway.domain.errors import Conflict, NotFound
from gateway.domain.hooking import Event
from gateway.domain.ids import keyed_id
from gateway.domain.portable import check_text
from gateway.domain.ports import Where
from gateway.domain.principal import Role
from gateway.domain.record import Family, Kind, Record
from gateway.domain.scope import Scope
from gateway.services.asking import Scoped
from gateway.services.call import Call, Operation
from gateway.services.checkpoints.putting import expires
from gateway.services.checkpoints.reading import OneRun
from gateway.services.hooking import after_records, after_write, before_read, before_write
from gateway.services.memories.adding import check_metadata
from gateway.services.memories.changing import ATTEMPTS
from gateway.services.walking import newest

RUNS: Final = frozenset({Kind.RUN})


class NewRunState(Scoped, frozen=True, kw_only=True):
    """Replaces the status and the metadata that were there."""

    status: Annotated[str, Meta(min_length=1, max_length=512)]
    metadata: dict[str, Any] = {}
    ttl_seconds: Annotated[float, Meta(gt=0)] | None = None


class RunState(msgspec.Struct, frozen=True, kw_only=True):
    run_id: str
    status: str
    metadata: dict[str, Any]
    created_at: datetime
    updated_at: datetime
    expires_at: datetime | None
    version: int


async def put(call: Call, request: NewRunState) -> RunState:
    check_text(request.status, "status")
    check_metadata(call, request.metadata)
    old: Record | None = None
    for _ in range(ATTEMPTS):
        new, event = await before_write(call, Event.CHECKPOINT, _next(call, request, old))
        if event:
            return _show(new)
        if (await call.route.provider.put([new]))[0]:
            await after_write(call, Event.CHECKPOINT, new)
            return _show(new)
        old = (await call.route.provider.get(call.reach, [new.id]))[0]
    raise Conflict("too many concurrent changes to this run; try again", code="contended")


async def get(call: Call, _request: OneRun) -> RunState:
    """NotFound where none was put."""
    found = None
    if await before_read(call, Event.GET) is None:
        pass
    elif call.reach.exact() is not None:
        found = (await call.route.provider.get(call.reach, [_id(call.scope)]))[0]
    else:
        found = await newest(call.route.provider, call.reach, Where(RUNS))
    found = next(iter(await after_records(call, Event.GET, [found] if found is not None else [])), None)
    if found is None:
        raise NotFound("no state was put for this run", code="no_run")
    return _show(found)


def _next(call: Call, request: NewRunState, old: Record | None) -> Record:
    at = call.route.mint.now()
    return Record(
        id=_id(call.scope),
        kind=Kind.RUN,
        scope=call.scope,
        text="",
        metadata={"status": request.status, "metadata": request.metadata},
        created_at=at if old is None else old.created_at,
        updated_at=at,
        expires_at=expires(call, at, request.ttl_seconds),
        version=1 if old is None else old.version + 1,
        provenance=call.provenance(),
    )


def _show(record: Record) -> RunState:
    return RunState(
        run_id=record.scope.run,
        status=record.metadata["status"],
        metadata=record.metadata["metadata"],
        created_at=record.created_at,
        updated_at=record.updated_at,
        expires_at=record.expires_at,
        version=record.version,
    )


def _id(scope: Scope) -> str:
    return keyed_id(scope.tenant, "run", scope.space, scope.user, scope.agent, scope.run)


PUT: Operation[NewRunState, RunState] = Operation(
    name="run.state.put", op="update", family=Family.CHECKPOINT, role=Role.WRITER, run=put, one_run=True
)
GET: Operation[OneRun, RunState] = Operation(
    name="run.state.get", op="get", family=Family.CHECKPOINT, role=Role.READER, run=get, one_run=True
)
