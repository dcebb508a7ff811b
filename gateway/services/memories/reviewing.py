"""What hooks have kept aside, for whoever decides: a list with contents, letting one out, dropping one.

For operators; who lists must be allowed to read as well, who decides to write. What is let out becomes what it was to be:
the hooks behind the one that kept it aside are asked first, it is embedded then, and stored before it leaves quarantine.
"""

from datetime import datetime
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta

from gateway.domain.errors import Conflict, Invalid, NotFound
from gateway.domain.hooking import Event
from gateway.domain.ids import Stamp, keyed_id
from gateway.domain.ports import Scan, Where
from gateway.domain.principal import Role
from gateway.domain.record import Family, Kind, Record
from gateway.domain.scope import Reach
from gateway.services.asking import Scoped
from gateway.services.call import Call, Operation
from gateway.services.cursors import seal, unseal
from gateway.services.hooking import after_delete, after_records, after_write, before_delete, before_read, before_write
from gateway.services.memories.changing import follows
from gateway.services.memories.removing import SKIPPED, Removed
from gateway.services.sessions.opening import embedded, opened, own_id
from gateway.services.views import content_of

_ASIDE: Final = Where(frozenset({Kind.QUARANTINE}))
_BACK: Final = frozenset({Kind.MEMORY, Kind.MESSAGE})


class Reviewing(Scoped, frozen=True, kw_only=True):
    limit: Annotated[int, Meta(ge=1)] = 100
    cursor: str | None = None


class OneAside(Scoped, frozen=True, kw_only=True):
    quarantine_id: str


class Aside(msgspec.Struct, frozen=True, kw_only=True):
    """What a hook has kept aside. `memory_id` is the memory that it was to change, where it was to change one."""

    id: str
    kind: str
    hook: str
    reason: str
    operation: str
    memory_id: str | None
    content: Any
    metadata: dict[str, Any]
    role: str | None
    user_id: str | None
    agent_id: str | None
    run_id: str | None
    principal: str
    created_at: datetime
    expires_at: datetime | None


class AsideList(msgspec.Struct, frozen=True, kw_only=True):
    """A page, newest first. `cursor` leads to the next; null on the last."""

    quarantine: list[Aside]
    cursor: str | None


class Released(msgspec.Struct, frozen=True, kw_only=True):
    """`id` is that of the memory or message now; `event` ADD or UPDATE, or what another hook has ruled."""

    id: str
    kind: str
    event: str


async def list_(call: Call, request: Reviewing) -> AsideList:
    call.principal.require(Role.READER)
    if await before_read(call, Event.LIST) is None:
        return AsideList(quarantine=[], cursor=None)
    key = call.route.cursor_key
    after = unseal(key, request.cursor, _reach(call), _ASIDE) if request.cursor else None
    limit = min(request.limit, call.route.config.layer.limits.max_page)
    page = await call.route.provider.scan(_reach(call), Scan(where=_ASIDE, limit=limit, after=after))
    cursor = seal(key, page.next, _reach(call), _ASIDE) if page.next else None
    return AsideList(
        quarantine=[_show(each) for each in await after_records(call, Event.LIST, page.records)], cursor=cursor
    )


async def release(call: Call, request: OneAside) -> Released:
    """Let out once, however often it is asked: a repetition that comes late finds nothing."""
    call.principal.require(Role.WRITER)
    aside = await _one(call, request.quarantine_id)
    draft, old = await _draft(call, aside)
    hook = str(aside.metadata.get("hook", ""))
    event = Event.APPEND if draft.kind is Kind.MESSAGE else Event.UPDATE if old is not None else Event.ADD
    owner = _as_owner(call, aside)
    ruled, said = await before_write(owner, event, draft, old, behind=hook)
    if not said:
        await _stored(owner, ruled, old)
        await after_write(owner, event, ruled)
    await call.route.provider.delete(_reach(call), [aside.id])
    told = said or ("UPDATE" if old is not None else "ADD")
    return Released(id=ruled.id, kind=draft.kind.value, event=told)


async def drop(call: Call, request: OneAside) -> Removed:
    """1 where it was there."""
    call.principal.require(Role.WRITER)
    aside = (await call.route.provider.get(_reach(call), [request.quarantine_id]))[0]
    if aside is not None and aside.kind is not Kind.QUARANTINE:
        aside = None
    if not await before_delete(call, request.quarantine_id, aside):
        return SKIPPED
    count = await call.route.provider.delete(_reach(call), [aside.id]) if aside is not None else 0
    await after_delete(call, count, request.quarantine_id)
    return Removed(count)


def _reach(call: Call) -> Reach:
    """Sessions too, which a route's memories need not know of: a run counts where it is named."""
    reach = call.reach
    return Reach(reach.tenant, reach.space, reach.user, reach.agent, call.parts.run or None)


async def _one(call: Call, quarantine_id: str) -> Record:
    record = (await call.route.provider.get(_reach(call), [quarantine_id]))[0]
    if record is None or record.kind is not Kind.QUARANTINE:
        raise NotFound("nothing with this id is kept aside", code="no_quarantine")
    return record


async def _draft(call: Call, aside: Record) -> tuple[Record, Record | None]:
    """What it was to be, and what it was to change. The id is always the same, so that it is let out once."""
    told = aside.metadata
    kind = Kind(str(told.get("kind", Kind.MEMORY)))
    if kind not in _BACK:
        raise Invalid(f"a {kind.value} cannot be let out; it can be dropped and written again", code="cannot_release")
    draft = msgspec.structs.replace(
        aside,
        id=keyed_id(aside.scope.tenant, "quarantine", aside.id),
        kind=kind,
        metadata=told.get("metadata") or {},
        updated_at=call.route.mint.now(),
        vector=None,
    )
    if told.get("memory_id") is None:
        return draft, None
    old = (await call.route.provider.get(_reach(call), [str(told["memory_id"])]))[0]
    if old is None or old.kind is not Kind.MEMORY or old.scope != aside.scope:
        raise NotFound("the memory that this was to change is gone", code="no_memory")
    kept = {"id": old.id, "created_at": old.created_at, "version": old.version + 1, "provenance": old.provenance}
    return msgspec.structs.replace(draft, **kept), old


def _as_owner(call: Call, aside: Record) -> Call:
    """The same request within the one scope that the record belongs to."""
    scope, origin = aside.scope, aside.provenance
    parts = msgspec.structs.replace(
        call.parts,
        user=scope.user or origin.user,
        agent=scope.agent or origin.agent,
        run=scope.run or origin.run,
    )
    reach = Reach(scope.tenant, scope.space, scope.user, scope.agent, scope.run)
    return msgspec.structs.replace(call, scope=scope, reach=reach, parts=parts)


async def _stored(call: Call, record: Record, old: Record | None) -> None:
    if record.kind is Kind.MESSAGE:
        await call.route.provider.put([*await _session(call, record), *await embedded(call, [record])])
        return
    if call.route.embedder is not None:
        record = msgspec.structs.replace(record, vector=(await call.route.embedder.embed([record.text]))[0])
    if old is None:
        await call.route.provider.put([record])
    elif not await follows(call, old, record):
        raise Conflict("the memory has changed meanwhile; try again", code="contended")


async def _session(call: Call, record: Record) -> list[Record]:
    """Its session, where nothing else has opened it."""
    found = (await call.route.provider.get(call.reach, [own_id(call.scope, Kind.SESSION)]))[0]
    stamp = Stamp(record.id, record.created_at)
    return [] if found is not None else opened(call, call.scope, stamp, {})


def _show(record: Record) -> Aside:
    told, scope, origin = record.metadata, record.scope, record.provenance
    return Aside(
        id=record.id,
        kind=str(told.get("kind", "")),
        hook=str(told.get("hook", "")),
        reason=str(told.get("reason", "")),
        operation=str(told.get("operation", "")),
        memory_id=told.get("memory_id"),
        content=content_of(record),
        metadata=told.get("metadata") or {},
        role=record.role or None,
        user_id=scope.user or origin.user or None,
        agent_id=scope.agent or origin.agent or None,
        run_id=scope.run or origin.run or None,
        principal=origin.principal,
        created_at=record.created_at,
        expires_at=record.expires_at,
    )


LIST: Operation[Reviewing, AsideList] = Operation(
    name="quarantine.list", op="list", family=Family.MEMORY, role=Role.OPERATOR, run=list_, across="all"
)
RELEASE: Operation[OneAside, Released] = Operation(
    name="quarantine.release", op="update", family=Family.MEMORY, role=Role.OPERATOR, run=release, across="all"
)
DROP: Operation[OneAside, Removed] = Operation(
    name="quarantine.drop", op="delete", family=Family.MEMORY, role=Role.OPERATOR, run=drop, across="all"
)
