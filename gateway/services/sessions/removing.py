"""Emptying a session, and deleting it. Repeating either is no error; the count is what was there."""

from gateway.domain.ports import Where
from gateway.domain.principal import Role
from gateway.domain.record import Family, Kind, kinds_kept
from gateway.services.call import Call, Operation
from gateway.services.erasing import erase
from gateway.services.hooking import after_delete, before_delete
from gateway.services.memories.removing import SKIPPED, Removed
from gateway.services.sessions.opening import MESSAGES
from gateway.services.sessions.system import OneSession


async def clear(call: Call, _request: OneSession) -> Removed:
    """Removes the messages and what was summed up of them. The session stays, with its system prompt.

    The prefill goes too and does not come back: it opens a session, and this one is open.
    """
    if not await before_delete(call):
        return SKIPPED
    deleted = await erase(call, Where(MESSAGES))
    await erase(call, Where(frozenset({Kind.SUMMARY})))
    await after_delete(call, deleted)
    return Removed(deleted)


async def delete(call: Call, _request: OneSession) -> Removed:
    """Removes everything the session has. Counts all of it: messages, system prompt, summary, its own record, and what
    hooks have kept aside of it."""
    if not await before_delete(call):
        return SKIPPED
    deleted = await erase(call, Where(MESSAGES))  # before their summaries, which are stored only while they are there
    deleted += await erase(call, Where(kinds_kept([Family.MESSAGE]) & call.route.capabilities.kinds))
    await after_delete(call, deleted)
    return Removed(deleted)


CLEAR: Operation[OneSession, Removed] = Operation(
    name="session.clear", op="delete", family=Family.MESSAGE, role=Role.WRITER, run=clear, one_run=True
)
DELETE: Operation[OneSession, Removed] = Operation(
    name="session.delete", op="delete", family=Family.MESSAGE, role=Role.ERASER, run=delete, one_run=True
)
