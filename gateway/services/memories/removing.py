"""Deleting memories: one, or all that a scope and filter hold. Repeating it is no error; the count is what was there."""

from collections.abc import Sequence
from typing import Any, Final

import msgspec
from msgspec import UNSET, UnsetType

from gateway.domain.filtering import read_filter
from gateway.domain.filters import Compare
from gateway.domain.ports import Where
from gateway.domain.principal import Role
from gateway.domain.record import Family, Kind
from gateway.services.asking import Scoped
from gateway.services.call import Call, Operation
from gateway.services.erasing import erase
from gateway.services.hooking import after_delete, before_delete
from gateway.services.memories import past
from gateway.services.memories.reading import MEMORIES, One


class Removal(Scoped, frozen=True, kw_only=True):
    filters: dict[str, Any] = {}


class Removed(msgspec.Struct, frozen=True):
    deleted: int
    skipped: bool | UnsetType = UNSET  # true where a hook wanted nothing to be deleted


SKIPPED: Final = Removed(0, skipped=True)


async def delete(call: Call, request: One) -> Removed:
    """1 where it was there and the caller's, else 0."""
    old = (await call.route.provider.get(call.reach, [request.memory_id]))[0]
    if old is not None and old.kind is not Kind.MEMORY:
        old = None
    if not await before_delete(call, request.memory_id, old):
        return SKIPPED
    count = await call.route.provider.delete(call.reach, [old.id]) if old is not None else 0
    if old is not None and count:
        await past.deleted(call, old)
    await after_delete(call, count, request.memory_id)
    return Removed(count)


async def delete_all(call: Call, request: Removal) -> Removed:
    """Everything of the scope, or of it what passes the filter, each with its history."""
    test = read_filter(request.filters, "filters")
    if not await before_delete(call):
        return SKIPPED
    if test is None:
        count = await erase(call, Where(MEMORIES))
        await erase(call, Where(past.HISTORY))
        await after_delete(call, count)
        return Removed(count)

    async def with_history(ids: Sequence[str]) -> None:
        await erase(call, Where(past.HISTORY, Compare("in", list(ids), path=("memory_id",))))

    count = await erase(call, Where(MEMORIES, test), with_history)
    await after_delete(call, count)
    return Removed(count)


DELETE: Operation[One, Removed] = Operation(
    name="memory.delete", op="delete", family=Family.MEMORY, role=Role.WRITER, run=delete
)
DELETE_ALL: Operation[Removal, Removed] = Operation(
    name="memory.delete_all", op="delete", family=Family.MEMORY, role=Role.ERASER, run=delete_all
)
