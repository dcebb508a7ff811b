"""The system slot of a session: one prompt that is set, replaced and removed, and is never among the messages.

Of two that set it at the same time the later one stays, whole. Clearing the messages leaves it as it is.
"""

import msgspec
from msgspec import UNSET, UnsetType

from gateway.domain.errors import Conflict, Invalid, NotFound
from gateway.domain.hooking import Event
from gateway.domain.ids import Stamp
from gateway.domain.ports import Where
from gateway.domain.principal import Role
from gateway.domain.record import Family, Kind, Record
from gateway.services.asking import Scoped
from gateway.services.call import Call, Operation
from gateway.services.content import Content, read_message
from gateway.services.erasing import erase
from gateway.services.hooking import after_delete, after_records, after_write, before_delete, before_read, before_write
from gateway.services.memories.adding import check_metadata
from gateway.services.memories.changing import ATTEMPTS
from gateway.services.memories.removing import SKIPPED, Removed
from gateway.services.sessions.opening import (
    SYSTEMS,
    check_found,
    check_opened,
    embedded,
    look,
    opened,
    own_id,
    renew,
)
from gateway.services.sessions.showing import Message, show_message
from gateway.services.walking import newest


class SystemPrompt(Scoped, frozen=True, kw_only=True):
    """`content` is text or content parts; or `message` is a whole message with the role system. Give one."""

    content: msgspec.Raw | UnsetType = UNSET
    message: msgspec.Raw | UnsetType = UNSET


class OneSession(Scoped, frozen=True, kw_only=True):
    """One session, named by the request's scope."""


class System(msgspec.Struct, frozen=True, kw_only=True):
    session_id: str
    system: Message
    event: str | UnsetType = UNSET  # SKIP or QUARANTINE, where a hook has ruled so


async def put(call: Call, request: SystemPrompt) -> System:
    """Set it, or replace what was there."""
    content = _read(call, request)
    if call.route.hooks:
        draft = next_system(call, content, None, call.route.mint.stamp(), "")
        ruled, event = await before_write(call, Event.APPEND, draft)
        if event:
            return System(session_id=call.scope.run, system=show_message(ruled), event=event)
        content = content_of(ruled)
    stored = await replace(call, content, "")
    await after_write(call, Event.APPEND, stored)
    return System(session_id=call.scope.run, system=show_message(stored))


async def get(call: Call, _request: OneSession) -> System:
    """NotFound where none is set."""
    found = None
    if await before_read(call, Event.GET) is not None and (record := await current(call)) is not None:
        found = next(iter(await after_records(call, Event.GET, [record])), None)
    if found is None:
        await check_opened(call)
        raise NotFound("this session has no system prompt", code="no_system")
    return System(session_id=call.scope.run, system=show_message(found))


async def delete(call: Call, _request: OneSession) -> Removed:
    """1 where one was set, else 0."""
    if not await before_delete(call):
        return SKIPPED
    count = await erase(call, Where(SYSTEMS))
    await after_delete(call, count)
    return Removed(count)


def content_of(record: Record) -> Content:
    return Content(text=record.text, body=record.body, role=record.role, metadata=record.metadata)


async def current(call: Call) -> Record | None:
    """What is set; where the reach covers several slots, the newest."""
    if call.reach.exact() is not None:
        return (await call.route.provider.get(call.reach, [own_id(call.scope, Kind.SYSTEM)]))[0]
    return await newest(call.route.provider, call.reach, Where(SYSTEMS))


async def replace(call: Call, content: Content, fingerprint: str) -> Record:
    """Put it on top of whatever is there, and open the session where it is new."""
    for _ in range(ATTEMPTS):
        session, old = await look(call)
        check_found(call, session)
        stamp = call.route.mint.stamp()
        new = next_system(call, content, old, stamp, fingerprint)
        opening = opened(call, call.scope, stamp, {}) if session is None else []
        records = [*await embedded(call, opening), new]
        if (await call.route.provider.put(records))[-1]:
            await renew(call, stamp, session)
            return new
    raise Conflict("too many concurrent changes to this system prompt; try again", code="contended")


def next_system(call: Call, content: Content, old: Record | None, stamp: Stamp, fingerprint: str) -> Record:
    return Record(
        id=own_id(call.scope, Kind.SYSTEM),
        kind=Kind.SYSTEM,
        scope=call.scope,
        text=content.text,
        body=content.body,
        role="system",
        metadata=content.metadata,
        created_at=stamp.at if old is None else old.created_at,
        updated_at=stamp.at,
        expires_at=call.expires(stamp.at, None),
        version=1 if old is None else old.version + 1,
        provenance=call.provenance(fingerprint),
    )


def _read(call: Call, request: SystemPrompt) -> Content:
    if (request.content is UNSET) == (request.message is UNSET):
        raise Invalid("give exactly one of content and message", code="no_content", at="content")
    limit = call.route.config.layer.limits.max_content.bytes
    if isinstance(request.content, msgspec.Raw):
        body = msgspec.Raw(msgspec.json.encode({"role": "system", "content": request.content}))
        content = read_message(body, limit + len(body) - len(bytes(request.content)), "content")
    else:
        assert isinstance(request.message, msgspec.Raw)  # noqa: S101 -- the other one of the two
        content = read_message(request.message, limit, "message")
    if content.role != "system":
        raise Invalid("the role of a system prompt is system", code="bad_role", at="message.role")
    check_metadata(call, content.metadata)
    return content


PUT: Operation[SystemPrompt, System] = Operation(
    name="session.system.put", op="update", family=Family.MESSAGE, role=Role.WRITER, run=put, one_run=True
)
GET: Operation[OneSession, System] = Operation(
    name="session.system.get", op="get", family=Family.MESSAGE, role=Role.READER, run=get, one_run=True
)
DELETE: Operation[OneSession, Removed] = Operation(
    name="session.system.delete", op="delete", family=Family.MESSAGE, role=Role.WRITER, run=delete, one_run=True
)
