"""Removing the oldest messages of a session, so that the newest few remain. What was summed up of them stays."""

from typing import Annotated

from msgspec import Meta

from gateway.domain.ports import Where
from gateway.domain.principal import Role
from gateway.domain.record import Family
from gateway.services.asking import Scoped
from gateway.services.call import Call, Operation
from gateway.services.hooking import after_delete, before_delete
from gateway.services.memories.removing import SKIPPED, Removed
from gateway.services.sessions.opening import MESSAGES
from gateway.services.walking import LARGEST, walk


class Trim(Scoped, frozen=True, kw_only=True):
    keep: Annotated[int, Meta(ge=0, description="How many of the newest stay.")]


async def trim(call: Call, request: Trim) -> Removed:
    """Oldest first. The number removed; the session and its system prompt stay. Messages appended meanwhile stay too."""
    if not await before_delete(call):
        return SKIPPED
    provider, old, seen = call.route.provider, list[str](), 0
    async for record in walk(provider, call.reach, Where(MESSAGES), first=request.keep + 1, bodies=False):
        seen += 1
        if seen > request.keep:
            old.append(record.id)
    old.reverse()
    deleted = 0
    for start in range(0, len(old), LARGEST):
        deleted += await provider.delete(call.reach, old[start : start + LARGEST])
    call.route.recaller.forget(call.reach)
    await after_delete(call, deleted)
    return Removed(deleted)


TRIM: Operation[Trim, Removed] = Operation(
    name="session.trim", op="delete", family=Family.MESSAGE, role=Role.WRITER, run=trim, one_run=True
)
