"""Removing the oldest messages of a session, so that the newest few remain. What was summed up of them stays."""

from typing import Annotated

from msgspec import Meta

from gateway.domain.ports import Order, Where
from gateway.domain.principal import Role
from gateway.domain.record import Family
from gateway.services.asking import Scoped
from gateway.services.call import Call, Operation
from gateway.services.hooking import after_delete, before_delete
from gateway.services.memories.removing import SKIPPED, Removed
from gateway.services.sessions.context import piece_of
from gateway.services.sessions.excess import surplus_of
from gateway.services.sessions.opening import MESSAGES
from gateway.services.walking import LARGEST, walk


class Trim(Scoped, frozen=True, kw_only=True):
    keep: Annotated[
        int, Meta(ge=0, description="How many of the newest stay. A tool call is not parted from its answers.")
    ]


async def trim(call: Call, request: Trim) -> Removed:
    """Oldest first. The number removed; the session and its system prompt stay. Messages appended meanwhile stay too.

    A tool call goes with its answers: so fewer may stay than were asked for, or more where the newest belong together.
    """
    if not await before_delete(call):
        return SKIPPED
    provider, deleted = call.route.provider, 0
    found = walk(provider, call.reach, Where(MESSAGES), order=Order.OLDEST)
    messages = [message async for message in found]
    pieces = [piece_of(call.route, message) for message in messages] if len(messages) > request.keep else []
    old = [message.id for message in messages[: surplus_of(pieces, request.keep)]]
    for start in range(0, len(old), LARGEST):
        deleted += await provider.delete(call.reach, old[start : start + LARGEST])
    call.route.recaller.forget(call.reach)
    await after_delete(call, deleted)
    return Removed(deleted)


TRIM: Operation[Trim, Removed] = Operation(
    name="session.trim", op="delete", family=Family.MESSAGE, role=Role.WRITER, run=trim, one_run=True
)
