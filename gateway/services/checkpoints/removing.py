"""Deleting one checkpoint with what was written on top of it, or a whole run. Repeating either is no error; the count
is what was there."""

from gateway.domain.ports import Where
from gateway.domain.principal import Role
from gateway.domain.record import KINDS_OF, Family
from gateway.domain.scope import Reach
from gateway.services.call import Call, Operation
from gateway.services.checkpoints.pruning import drop_writes
from gateway.services.checkpoints.reading import OneCheckpoint, OneRun, find
from gateway.services.erasing import erase
from gateway.services.hooking import after_delete, before_delete
from gateway.services.memories.removing import SKIPPED, Removed


async def delete(call: Call, request: OneCheckpoint) -> Removed:
    """1 where it was there and the caller's, else 0. Writes are not counted."""
    found = await find(call, request.checkpoint_id)
    if not await before_delete(call, request.checkpoint_id, found):
        return SKIPPED
    count = 0
    if found is not None:
        await drop_writes(call, Reach.only(found.scope), [str(found.metadata.get("checkpoint_id"))])
        count = await call.route.provider.delete(call.reach, [found.id])
    await after_delete(call, count, request.checkpoint_id)
    return Removed(count)


async def delete_run(call: Call, _request: OneRun) -> Removed:
    """Removes every checkpoint of the run, what was written on top, and its state. Counts all of it."""
    if not await before_delete(call):
        return SKIPPED
    count = await erase(call, Where(KINDS_OF[Family.CHECKPOINT]))
    await after_delete(call, count)
    return Removed(count)


DELETE: Operation[OneCheckpoint, Removed] = Operation(
    name="checkpoint.delete", op="delete", family=Family.CHECKPOINT, role=Role.WRITER, run=delete
)
DELETE_RUN: Operation[OneRun, Removed] = Operation(
    name="run.delete", op="delete", family=Family.CHECKPOINT, role=Role.ERASER, run=delete_run, one_run=True
)
