"""The one way from any service to the hooks of its route: what they are told, and what their answers come to.

Every function here returns at once, having made nothing, where the route has no hook for the moment. Hooks are asked in
their order; each sees what those before it made of the matter, and the first that skips, rejects or quarantines ends it.
Before a write that is before embedding and storing; after a read it is before anything is shown.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple, cast

import msgspec
from msgspec import UnsetType

from gateway.domain.errors import GatewayError
from gateway.domain.hooking import Action, Actor, Event, HookContext, Moment, Outcome, Result
from gateway.domain.ports import Order, Scan, Where
from gateway.domain.record import Kind, Record
from gateway.domain.scope import Reach
from gateway.retrieval.ask import Ranked
from gateway.runtime.bound import BoundRoute
from gateway.runtime.hooked import Hooked
from gateway.services.rewriting import FLAGS, content_value, flagged, own_metadata, quarantined, rewritten

if TYPE_CHECKING:
    from datetime import datetime

    from gateway.services.call import Call

BEFORE: Final = {each.event: each for each in Moment if each.before}
AFTER: Final = {each.event: each for each in Moment if each.value.startswith("after_")}
_SOURCES: Final = {"assistant": "agent", "tool": "tool", "function": "tool", "user": "user", "system": "system"}


class Ruled(NamedTuple):
    """What becomes of a write. `event` is "" where `record` is to be stored. Else nothing is, and the record is what to
    show: for SKIP what is there already, or with no id; for QUARANTINE with the id under which it was kept aside."""

    record: Record
    event: str = ""


async def before_write(
    call: "Call", event: Event, draft: Record, old: Record | None = None, *, behind: str = ""
) -> Ruled:
    """The draft as it is to be stored. Raises what a hook rejects it with. What is quarantined is stored here. With
    `behind`, only the hooks after that one are asked: all, where the route does not ask it any more."""
    hooks = _behind(call.route.hooks.get(BEFORE[event], ()), behind)
    if not hooks:
        return Ruled(draft)
    record, flags = draft, _flags(draft)
    for each in hooks:
        context = _write_context(call, BEFORE[event], record, old, flags)
        outcome = await each.ask(context)
        flags = (*flags, *(flag for flag in outcome.flags if flag not in flags))
        match outcome.action:
            case Action.SKIP:
                return Ruled(outcome.existing or msgspec.structs.replace(record, id=""), "SKIP")
            case Action.REJECT:
                raise _error(outcome)
            case Action.QUARANTINE:
                record = rewritten(record, outcome, call.route.config.layer.limits)
                return await _set_aside(call, each.name, outcome, flagged(record, flags), old)
            case Action.PROCEED:
                record = rewritten(record, outcome, call.route.config.layer.limits)
    return Ruled(flagged(record, flags))


async def after_write(call: "Call", event: Event, record: Record, *, new: bool = True) -> None:
    """What was written, or with `new` off had been written by an earlier request with this key. Nothing can be taken
    back; a rejection is only that of the reply."""
    for each in call.route.hooks.get(AFTER[event], ()):
        context = _write_context(call, AFTER[event], record, None, _flags(record))
        outcome = await each.ask(msgspec.structs.replace(context, count=int(new)))
        if outcome.action is Action.REJECT:
            raise _error(outcome)


async def before_read(call: "Call", event: Event, *, query: str | None = None, target: str = "") -> str | None:
    """The query as it is to be asked; None where nothing is to be found."""
    hooks = call.route.hooks.get(BEFORE[event], ())
    for each in hooks:
        outcome = await each.ask(_context(call, BEFORE[event], memory_query=query, target=target))
        if not goes_on(outcome):
            return None
        if not isinstance(outcome.query, UnsetType):
            query = outcome.query
    return query or ""


async def after_ranked(call: "Call", event: Event, found: Sequence[Ranked], query: str | None = None) -> list[Ranked]:
    """What may be shown of what was found, in the order that the hooks leave it in."""
    hooks = call.route.hooks.get(AFTER[event], ())
    if not hooks:
        return list(found)
    by_id = {each.record.id: each for each in found}
    results = tuple(_result(each) for each in found)
    for each in hooks:
        moment = AFTER[event]
        outcome = await each.ask(_context(call, moment, memory_query=query, memory_results=results))
        if outcome.action is Action.REJECT:
            raise _error(outcome)
        if outcome.action is Action.SKIP:
            results = ()
        if not isinstance(outcome.results, UnsetType):
            results = tuple(result for result in outcome.results if result.id in by_id)
    return [_as_changed(by_id[result.id], result) for result in results]


async def after_records(call: "Call", event: Event, records: Sequence[Record]) -> list[Record]:
    """The same for records that nobody has ranked."""
    if AFTER[event] not in call.route.hooks:
        return list(records)
    return [each.record for each in await after_ranked(call, event, [Ranked(record=record) for record in records])]


async def after_text(call: "Call", event: Event, text: str, id_: str, kind: Kind) -> str:
    """The same for a text that a backend has made; "" where a hook drops it."""
    if not text or AFTER[event] not in call.route.hooks:
        return text
    now = call.route.mint.now()
    made = Record(id=id_, kind=kind, scope=call.scope, text=text, created_at=now, updated_at=now)
    left = await after_records(call, event, [made])
    return left[0].text if left else ""


async def before_delete(call: "Call", target: str = "", old: Record | None = None) -> bool:
    """Whether to go on. Without a target it is about all that the request's scope and filter hold."""
    return await before_deed(call, Event.DELETE, target=target, record=old)


async def after_delete(call: "Call", count: int, target: str = "") -> None:
    await after_deed(call, Event.DELETE, target=target, count=count)


async def before_deed(call: "Call", event: Event, **told: Any) -> bool:
    """Whether to go on with what changes something and writes nothing that a client has said."""
    for each in call.route.hooks.get(BEFORE[event], ()):
        if not goes_on(await each.ask(_context(call, BEFORE[event], **told))):
            return False
    return True


async def after_deed(call: "Call", event: Event, **told: Any) -> None:
    for each in call.route.hooks.get(AFTER[event], ()):
        outcome = await each.ask(_context(call, AFTER[event], **told))
        if outcome.action is Action.REJECT:
            raise _error(outcome)


async def on_error(call: "Call", error: BaseException) -> None:
    """Tells of an operation that was let in and has failed. Changes nothing and raises nothing."""
    for each in call.route.hooks.get(Moment.ERROR, ()):
        code = error.code if isinstance(error, GatewayError) else "internal"
        await each.ask(_context(call, Moment.ERROR, code=code))


def _behind(hooks: tuple[Hooked, ...], name: str) -> tuple[Hooked, ...]:
    names = [each.name for each in hooks]
    return hooks[names.index(name) + 1 :] if name in names else hooks


class _Reaching:
    """What a hook may look up."""

    __slots__ = ("_reach", "_route")

    def __init__(self, route: BoundRoute, reach: Reach) -> None:
        self._route = route
        self._reach = reach

    async def find(self, where: Where, limit: int) -> Sequence[Record]:
        scan = Scan(where=where, limit=min(limit, 1000), order=Order.NEWEST)
        return (await self._route.provider.scan(self._reach, scan)).records[:limit]


def _context(call: "Call", moment: Moment, at: "datetime | None" = None, **told: Any) -> HookContext:
    return HookContext(
        moment=moment,
        operation=call.operation,
        at=at or call.route.mint.now(),
        tenant=call.principal.tenant,
        route=call.route.name,
        principal=call.principal,
        user=Actor(call.scope.user or call.parts.user),
        agent=call.scope.agent or call.parts.agent,
        session=call.scope.run or call.parts.run,
        ip=call.source,
        request_id=call.request_id,
        lookup=_Reaching(call.route, call.reach),
        **told,
    )


def _write_context(
    call: "Call", moment: Moment, record: Record, old: Record | None, flags: tuple[str, ...]
) -> HookContext:
    return _context(
        call,
        moment,
        at=record.updated_at if moment.before else None,
        kind=record.kind,
        source_kind=_SOURCES.get(record.role, ""),
        record=record,
        old=old,
        content=content_value(record),
        memory_content=record.text,
        metadata=own_metadata(record),
        target=record.id if old is not None else "",
        flags=flags,
    )


def _result(ranked: Ranked) -> Result:
    record = ranked.record
    return Result(
        id=record.id,
        kind=record.kind,
        content=content_value(record),
        metadata=own_metadata(record),
        role=record.role,
        created_at=record.created_at,
        score=ranked.score,
        relevance=ranked.relevance,
        provenance=record.provenance,
    )


def _as_changed(ranked: Ranked, result: Result) -> Ranked:
    before = _result(ranked)
    if result.content == before.content and result.metadata == before.metadata:
        return ranked
    changed = Outcome(content=result.content, metadata=result.metadata)
    return msgspec.structs.replace(ranked, record=rewritten(ranked.record, changed, None))


async def _set_aside(call: "Call", hook: str, outcome: Outcome, record: Record, old: Record | None) -> Ruled:
    kept = quarantined(call, record, hook, outcome.reason, old)
    await call.route.provider.put([kept])
    call.route.fault("quarantined")
    return Ruled(msgspec.structs.replace(record, id=kept.id), "QUARANTINE")


def goes_on(outcome: Outcome) -> bool:
    if outcome.action is Action.REJECT:
        raise _error(outcome)
    return outcome.action is not Action.SKIP


def _error(outcome: Outcome) -> GatewayError:
    assert outcome.error is not None  # noqa: S101 -- whoever rejects says with what
    return outcome.error


def _flags(record: Record) -> tuple[str, ...]:
    found = own_metadata(record).get(FLAGS)
    return tuple(map(str, cast("list[Any]", found))) if isinstance(found, list) else ()
