"""Appending to a session: the session, its prefill and all messages in one put, in the order they were given.

A message with the role system goes to the system slot. A repeated Idempotency-Key lands on the first one's messages.
"""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime

import msgspec
from msgspec import UNSET, UnsetType

from gateway.domain.errors import Conflict, Invalid, TooLarge
from gateway.domain.hooking import Event
from gateway.domain.ids import Stamp, keyed_id
from gateway.domain.principal import Role
from gateway.domain.record import Family, Kind, Record
from gateway.services.asking import Scoped
from gateway.services.call import Call, Operation
from gateway.services.content import Content, read_message
from gateway.services.hooking import after_write, before_write
from gateway.services.memories.adding import check_metadata
from gateway.services.retention.relieving import drop_surplus
from gateway.services.sessions.opening import check_found, embedded, must_look, opened, own_id, renew, slots
from gateway.services.sessions.system import content_of, next_system, replace


class Append(Scoped, frozen=True, kw_only=True):
    """One `message` or several `messages`: objects with a `role`, kept with every key they have."""

    message: msgspec.Raw | UnsetType = UNSET
    messages: list[msgspec.Raw] | UnsetType = UNSET


class Placed(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    role: str
    created_at: datetime
    event: str | UnsetType = UNSET  # SKIP or QUARANTINE, where a hook has ruled so


class Appended(msgspec.Struct, frozen=True, kw_only=True):
    """One entry for each message, in the order given. `replayed`: an earlier request with this key had made them."""

    session_id: str
    messages: list[Placed]
    replayed: bool = False


class _Draft(msgspec.Struct, frozen=True, kw_only=True):
    """What a request comes to before anything is looked up."""

    messages: list[Record]
    system: Content | None  # the last one given
    system_at: Stamp | None
    roles: list[str]
    opens: Stamp  # earlier than every message
    fingerprint: str
    ruled: Mapping[int, Placed] = {}  # by place: what hooks kept out


async def append(call: Call, request: Append) -> Appended:
    """All messages or none, where the backend can; their order is the order given, after whatever was there."""
    draft = await _asked(call, _draft(call, _given(call, request)))
    if not draft.messages and draft.system is None:
        return _told(call, draft, [], None, replayed=False)
    known = await _known(call, draft)
    session, system = (known.get(each) for each in slots(call.scope))
    if must_look(call):
        check_found(call, session)
    made = [_same(message, known[message.id]) for message in draft.messages if message.id in known]
    if call.idempotency_key and len(made) == len(draft.messages) and (made or _is_replay(draft, system)):
        for message in made:
            await after_write(call, Event.APPEND, message, new=False)
        return _told(call, draft, made, system, replayed=True)
    missing = [message for message in draft.messages if message.id not in known]
    setting: list[Record] = []
    if draft.system is not None and draft.system_at is not None and not made:
        setting = [next_system(call, draft.system, system, draft.system_at, draft.fingerprint)]
    opening = opened(call, call.scope, draft.opens, {}) if session is None else []
    records = await embedded(call, [*opening, *setting, *missing])
    stored = await call.route.provider.put(records)
    await renew(call, draft.opens, session, None if setting else system)
    taken = {record.id for record, new in zip(records, stored, strict=True) if not new}
    if draft.system is not None and setting:
        lost = setting[0].id in taken  # to another one that was set in between: this one comes after it
        system = await replace(call, draft.system, draft.fingerprint) if lost else setting[0]
    raced = [message for message in missing if message.id in taken]
    made += await _raced(call, raced, [message for message in missing if message.id not in taken])
    for record in [*setting, *(message for message in missing if message.id not in taken)]:
        await after_write(call, Event.APPEND, record)
    await _limited(call)
    return _told(call, draft, made, system, replayed=bool(draft.messages) and len(made) == len(draft.messages))


async def _limited(call: Call) -> None:
    """Dropping is done at once, so that nobody reads more than the limit. What takes longer follows in the background."""
    limits = call.route.config.layer.session
    if not limits.limited:
        return
    if limits.on_overflow == "drop":
        await drop_surplus(call.route, call.scope)
    else:
        call.route.overflowing(call.scope)


def _given(call: Call, request: Append) -> Sequence[msgspec.Raw]:
    given: Sequence[msgspec.Raw] = request.messages if isinstance(request.messages, list) else []
    if isinstance(request.message, msgspec.Raw):
        given = [*given, request.message]
    if not given or (request.message is UNSET) == (request.messages is UNSET):
        raise Invalid("give either a message or a list of messages that is not empty", code="no_content", at="messages")
    limit = call.route.config.layer.limits.max_batch
    if len(given) > limit:
        raise TooLarge(f"{len(given)} messages; this route takes {limit}", code="batch_too_large", at="messages")
    return given


def _draft(call: Call, given: Sequence[msgspec.Raw]) -> _Draft:
    mint, limit = call.route.mint, call.route.config.layer.limits.max_content.bytes
    said = call.scope.key() + msgspec.json.encode(given) if call.idempotency_key else b""
    fingerprint = hashlib.sha256(said).hexdigest() if said else ""
    opens = mint.stamp()
    messages: list[Record] = []
    roles: list[str] = []
    system: Content | None = None
    system_at: Stamp | None = None
    for index, raw in enumerate(given):
        at = f"messages[{index}]"
        content = read_message(raw, limit, at)
        if not content.role.strip():
            raise Invalid(f"{at} has an empty role", code="bad_role", at=f"{at}.role")
        check_metadata(call, content.metadata)
        roles.append(content.role)
        stamp = mint.stamp()
        if content.role == "system":
            system, system_at = content, stamp
        else:
            messages.append(_message(call, content, _keyed(call, stamp, index), fingerprint))
    return _Draft(
        messages=messages, system=system, system_at=system_at, roles=roles, opens=opens, fingerprint=fingerprint
    )


async def _asked(call: Call, draft: _Draft) -> _Draft:
    """The draft as the route's hooks leave it."""
    if not call.route.hooks:
        return draft
    messages: list[Record] = []
    ruled: dict[int, Placed] = {}
    system, given = draft.system, iter(draft.messages)
    last = max((index for index, role in enumerate(draft.roles) if role == "system"), default=-1)
    for index, role in enumerate(draft.roles):
        if role != "system":
            record, event = await before_write(call, Event.APPEND, next(given))
            messages += [] if event else [record]
        elif index == last and system is not None and draft.system_at is not None:
            prompt = next_system(call, system, None, draft.system_at, draft.fingerprint)
            record, event = await before_write(call, Event.APPEND, prompt)
            system = None if event else content_of(record)
        else:
            continue
        if event:
            ruled[index] = Placed(id=record.id, role=role, created_at=record.created_at, event=event)
    return msgspec.structs.replace(draft, messages=messages, system=system, ruled=ruled)


def _keyed(call: Call, stamp: Stamp, index: int) -> Stamp:
    key, principal = call.idempotency_key, call.principal
    return Stamp(keyed_id(principal.tenant, "message", principal.id, key, str(index)), stamp.at) if key else stamp


def _message(call: Call, content: Content, stamp: Stamp, fingerprint: str) -> Record:
    return Record(
        id=stamp.id,
        kind=Kind.MESSAGE,
        scope=call.scope,
        text=content.text,
        body=content.body,
        role=content.role,
        metadata=content.metadata,
        created_at=stamp.at,
        updated_at=stamp.at,
        expires_at=call.expires(stamp.at, None),
        provenance=call.provenance(fingerprint),
    )


async def _known(call: Call, draft: _Draft) -> Mapping[str, Record]:
    """What has to be known before writing, in one look-up; nothing where nothing depends on it."""
    keyed = [message.id for message in draft.messages] if call.idempotency_key else []
    if not keyed and draft.system is None and not must_look(call):
        return {}
    found = await call.route.provider.get(call.reach, [*slots(call.scope), *keyed])
    return {record.id: record for record in found if record is not None}


def _same(message: Record, first: Record | None) -> Record:
    """The message that an earlier request with this key has made; Invalid if that request was another one."""
    if (
        first is None
        or first.kind is not Kind.MESSAGE
        or first.provenance.fingerprint != message.provenance.fingerprint
    ):
        raise Invalid(
            "this Idempotency-Key was used for another request", code="idempotency_mismatch", at="Idempotency-Key"
        )
    return first


def _is_replay(draft: _Draft, system: Record | None) -> bool:
    return system is not None and system.provenance.fingerprint == draft.fingerprint


async def _raced(call: Call, taken: Sequence[Record], ours: Sequence[Record]) -> list[Record]:
    """Messages whose ids were given away between look-up and put: the other request's, if it was the same one."""
    if not taken:
        return []
    if not call.idempotency_key:
        raise Conflict("a message with this id is already there", code="id_taken")
    found = await call.route.provider.get(call.reach, [message.id for message in taken])
    try:
        return [_same(message, first) for message, first in zip(taken, found, strict=True)]
    except Invalid:
        # Half of another request must not stay behind.
        await call.route.provider.delete(call.reach, [message.id for message in ours])
        raise


def _told(call: Call, draft: _Draft, made: Sequence[Record], system: Record | None, *, replayed: bool) -> Appended:
    first = {message.id: message for message in made}
    messages = iter(first.get(message.id, message) for message in draft.messages)
    placed: list[Placed] = []
    for index, role in enumerate(draft.roles):
        if index in draft.ruled:
            placed.append(draft.ruled[index])
            continue
        record = system if role == "system" else next(messages)
        if record is None:  # set by the first request and removed since
            placed.append(Placed(id=own_id(call.scope, Kind.SYSTEM), role=role, created_at=draft.opens.at))
        else:
            placed.append(Placed(id=record.id, role=role, created_at=record.created_at))
    return Appended(session_id=call.scope.run, messages=placed, replayed=replayed)


APPEND: Operation[Append, Appended] = Operation(
    name="session.append", op="add", family=Family.MESSAGE, role=Role.WRITER, run=append, one_run=True
)
