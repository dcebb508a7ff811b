"""How much a session holds. Counted by reading all of it: for people, not for every turn."""

from datetime import datetime

import msgspec

from gateway.domain.hooking import Event
from gateway.domain.ports import Order, Where
from gateway.domain.principal import Role
from gateway.domain.record import Family
from gateway.services.call import Call, Operation
from gateway.services.hooking import after_records, before_read
from gateway.services.sessions.context import piece_of
from gateway.services.sessions.opening import MESSAGES, check_opened
from gateway.services.sessions.system import OneSession
from gateway.services.walking import walk


class Stats(msgspec.Struct, frozen=True, kw_only=True):
    """Of the messages; the system prompt is not among them. `tokens` as the context window counts them."""

    session_id: str
    messages: int
    tokens: int
    bytes: int
    first_at: datetime | None
    last_at: datetime | None


async def stats(call: Call, _request: OneSession) -> Stats:
    messages = tokens = size = 0
    first_at = last_at = None
    if await before_read(call, Event.GET) is None:
        return Stats(session_id=call.scope.run, messages=0, tokens=0, bytes=0, first_at=None, last_at=None)
    async for record in walk(call.route.provider, call.reach, Where(MESSAGES), order=Order.OLDEST):
        messages += 1
        tokens += piece_of(call.route, record).tokens
        size += len(record.body if record.body is not None else record.text.encode())
        first_at = first_at or record.created_at
        last_at = record.created_at
    if not messages:
        await check_opened(call)
    await after_records(call, Event.GET, [])
    return Stats(
        session_id=call.scope.run, messages=messages, tokens=tokens, bytes=size, first_at=first_at, last_at=last_at
    )


STATS: Operation[OneSession, Stats] = Operation(
    name="session.stats", op="get", family=Family.MESSAGE, role=Role.READER, run=stats, one_run=True
)
