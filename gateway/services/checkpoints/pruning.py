"""Removing the oldest checkpoints of a run, so that the newest few remain."""

from typing import Annotated, Final

from msgspec import Meta

from gateway.domain.ports import Where
from gateway.domain.principal import Role
from gateway.domain.record import Family, Kind
from gateway.domain.scope import Reach
from gateway.services.asking import Scoped
from gateway.services.call import Call, Operation
from gateway.services.memories.removing import Removed
from gateway.services.walking import LARGEST, walk

CHECKPOINTS: Final = frozenset({Kind.CHECKPOINT})


class Prune(Scoped, frozen=True, kw_only=True):
    keep: Annotated[int, Meta(ge=0, description="How many of the newest stay.")]


async def prune(call: Call, request: Prune) -> Removed:
    """Oldest first by when they were first put. The number removed."""
    return Removed(await prune_to(call, call.reach, request.keep))


async def prune_to(call: Call, reach: Reach, keep: int) -> int:
    provider = call.route.provider
    old: list[str] = []
    seen = 0
    async for record in walk(provider, reach, Where(CHECKPOINTS), first=keep + 1, bodies=False):
        seen += 1
        if seen > keep:
            old.append(record.id)
    deleted = 0
    for start in range(0, len(old), LARGEST):
        deleted += await provider.delete(reach, old[start : start + LARGEST])
    return deleted


PRUNE: Operation[Prune, Removed] = Operation(
    name="checkpoint.prune", op="delete", family=Family.CHECKPOINT, role=Role.WRITER, run=prune, one_run=True
)
