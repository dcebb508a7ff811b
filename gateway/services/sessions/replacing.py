"""Replacing all that a session holds: what is the same stays as it is, and only what is new is written.

Clients that keep a whole conversation send all of it with every message. Where what is there begins what was sent, the
rest of it is appended; else the messages are removed and all that was sent is appended. Of two that replace a session at
the same time, the messages of both may stay; none is lost.
"""

from collections.abc import Sequence
from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, UnsetType

from gateway.domain.errors import Forbidden, Invalid
from gateway.domain.ports import Where
from gateway.domain.principal import Role
from gateway.domain.record import Family, Record
from gateway.services.asking import Scoped
from gateway.services.call import Call, Operation
from gateway.services.content import message_text
from gateway.services.sessions import removing, system
from gateway.services.sessions.appending import Append, append
from gateway.services.sessions.minting import NewSession, mint
from gateway.services.sessions.opening import MESSAGES, look
from gateway.services.sessions.system import OneSession, SystemPrompt
from gateway.services.walking import walk


class Whole(Scoped, frozen=True, kw_only=True):
    """`messages` are objects with a `role` other than system; `system` is a message with that role, none where left out.

    With `ttl_seconds` all of it ends then; without, none of it ends before the route's own ttl.
    """

    messages: list[msgspec.Raw] = []
    system: msgspec.Raw | UnsetType = UNSET
    ttl_seconds: Annotated[float, Meta(gt=0)] | None = None


class Replaced(msgspec.Struct, frozen=True, kw_only=True):
    session_id: str
    kept: int  # messages that stayed as they were
    added: int


async def replace_all(call: Call, request: Whole) -> Replaced:
    """Makes the session where it is new. A message is the same if its id, role and text are."""
    call = msgspec.structs.replace(call, ttl_seconds=request.ttl_seconds)
    session, prompt = await look(call)
    stored = [each async for each in walk(call.route.provider, call.reach, Where(MESSAGES))][::-1]
    ends = session is not None and session.expires_at is not None and call.route.config.layer.ttl is None
    if request.ttl_seconds is not None or ends:  # whatever stayed would end at another time
        await _remove(await removing.delete(call, OneSession()))
        session, prompt, stored = None, None, []
    elif not _begins(stored, request.messages):
        await _remove(await removing.clear(call, OneSession()))
        stored = []
    if session is None:
        await mint(call, NewSession())
    await _prompted(call, request, prompt)
    rest, most = request.messages[len(stored) :], call.route.config.layer.limits.max_batch
    for start in range(0, len(rest), most):
        await append(call, Append(messages=rest[start : start + most]))
    return Replaced(session_id=call.scope.run, kept=len(stored), added=len(rest))


async def _remove(removed: removing.Removed) -> None:
    if removed.skipped is True:
        raise Forbidden("a hook of this route keeps what the session holds", code="kept_by_hook")


async def _prompted(call: Call, request: Whole, prompt: Record | None) -> None:
    if isinstance(request.system, msgspec.Raw):
        if prompt is None or prompt.body != bytes(request.system):
            await system.put(call, SystemPrompt(message=request.system))
    elif prompt is not None:
        await _remove(await system.delete(call, OneSession()))


def _begins(stored: Sequence[Record], given: Sequence[msgspec.Raw]) -> bool:
    return len(stored) <= len(given) and all(map(_same, stored, given))


def _same(record: Record, raw: msgspec.Raw) -> bool:
    """By its id, which is the client's where it has given one, else ours; a message without one, by every key."""
    given = _message(raw)
    kept = _message(record.body) if record.body else {"role": record.role, "content": record.text}
    if "id" not in given:
        return given == kept
    known = given["id"] in (kept.get("id"), record.id)
    return known and given.get("role") == record.role and message_text(given) == record.text


def _message(raw: msgspec.Raw | bytes) -> dict[str, Any]:
    try:
        return msgspec.json.decode(raw, type=dict[str, Any])
    except msgspec.ValidationError:
        raise Invalid("every message is an object with a role", code="bad_message", at="messages") from None


REPLACE: Operation[Whole, Replaced] = Operation(
    name="session.replace", op="update", family=Family.MESSAGE, role=Role.WRITER, run=replace_all, one_run=True
)
