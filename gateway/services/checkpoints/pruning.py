"""Removing the oldest checkpoints of a run, so that the newest few remain; what was written on top goes with each."""

from collections.abc import Sequence
from typing import Annotated, Final

from msgspec import Meta

from gateway.domain.filters import Compare
from gateway.domain.ports import Where
from gateway.domain.principal import Role
from gateway.domain.record import Family, Kind
from gateway.domain.scope import Reach
from gateway.services.asking import Scoped
from gateway.services.call import Call, Operation
from gateway.services.hooking import after_delete, before_delete
from gateway.services.memories.removing import SKIPPED, Removed
from gateway.services.walking import LARGEST, walk

CHECKPOINTS: Final = frozenset({Kind.CHECKPOINT})
WRITES: Final = frozenset({Kind.WRITE})


class Prune(Scoped, frozen=True, kw_only=True):
    keep: Annotated[int, Meta(ge=0, description="How many of the newest stay.")]


async def prune(call: Call, request: Prune) -> Removed:
    """Oldest first by when they were first put. The number removed."""
    if not await before_delete(call):
        return SKIPPED
    count = await prune_to(call, call.reach, request.keep)
    await after_delete(call, count)
    return Removed(count)


async def prune_to(call: Call, reach: Reach, keep: int) -> int:
    provider = call.route.provider
    old: list[str] = []
    names: list[str] = []
    seen = 0
    async for record in walk(provider, reach, Where(CHECKPOINTS), first=keep + 1, bodies=False):
        seen += 1
        if seen > keep:
            old.append(record.id)
            names.append(str(record.metadata.get("checkpoint_id")))
    deleted = 0
    for start in range(0, len(old), LARGEST):
        await drop_writes(call, reach, names[start : start + LARGEST])
        deleted += await provider.delete(reach, old[start : start + LARGEST])
    return deleted


async def drop_writes(call: Call, reach: Reach, checkpoint_ids: Sequence[str]) -> None:
    """Removes what was written on top of these checkpoints. Before them: what is cut off between is found again."""
    where = Where(WRITES, Compare("in", list(checkpoint_ids), path=("checkpoint_id",)))
    ids = [record.id async for record in walk(call.route.provider, reach, where, bodies=False)]
    for start in range(0, len(ids), LARGEST):
        await call.route.provider.delete(reach, ids[start : start + LARGEST])


PRUNE: Operation[Prune, Removed] = Operation(
    name="checkpoint.prune", op="delete", family=Family.CHECKPOINT, role=Role.WRITER, run=prune, one_run=True
)
