"""How a session comes to be: its record and, where the route has one, the assistant message that opens it.

A session is opened once, by whatever comes first: minting, a message or a system prompt. Ids are made from the scope,
so of any number of processes that open it at the same time, one record and one prefill stay. Clearing a session does
not open it again: the prefill goes with the messages and does not come back.
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Final

import msgspec

from gateway.domain.errors import NotFound
from gateway.domain.ids import Stamp, slot_id
from gateway.domain.ports import Where
from gateway.domain.record import Kind, Record
from gateway.domain.scope import Reach, Scope
from gateway.services.call import Call
from gateway.services.replacing import replaced
from gateway.services.walking import newest

MESSAGES: Final = frozenset({Kind.MESSAGE})
SESSIONS: Final = frozenset({Kind.SESSION})
SYSTEMS: Final = frozenset({Kind.SYSTEM})

# Openers that race differ by their clocks and by the time of a put; the prefill stands before what any of them says.
_LEAD: Final = timedelta(seconds=5)


def own_id(scope: Scope, what: Kind) -> str:
    """The id of the one record of this kind that a session has. A prefill is told from it by its own word."""
    return slot_id(scope, what.value)


def must_look(call: Call) -> bool:
    """Whether writing needs to know first if the session is there: else its record is put again, to no effect."""
    layer = call.route.config.layer
    return layer.session.create == "explicit" or layer.session.prefill is not None or layer.ttl is not None


async def look(call: Call) -> tuple[Record | None, Record | None]:
    """The session's record and its system slot."""
    session, system = await call.route.provider.get(call.reach, slots(call.scope))
    return session, system


def slots(scope: Scope) -> list[str]:
    return [own_id(scope, Kind.SESSION), own_id(scope, Kind.SYSTEM)]


async def check_opened(call: Call) -> None:
    """NotFound where sessions must be minted and this one was not."""
    if call.route.config.layer.session.create == "explicit":
        check_found(call, await newest(call.route.provider, call.reach, Where(SESSIONS)))


def check_found(call: Call, session: Record | None) -> None:
    if session is None and call.route.config.layer.session.create == "explicit":
        raise NotFound("no session with this id; sessions of this route are minted first", code="no_session")


def opened(call: Call, scope: Scope, stamp: Stamp, metadata: dict[str, Any]) -> list[Record]:
    """The records of a new session, its own last: whatever was cut off before it is put again by the next."""
    expires = call.expires(stamp.at, None)
    session = Record(
        id=own_id(scope, Kind.SESSION),
        kind=Kind.SESSION,
        scope=scope,
        text="",
        metadata=metadata,
        created_at=stamp.at,
        updated_at=stamp.at,
        expires_at=expires,
        provenance=call.provenance(),
    )
    prefill = call.route.config.layer.session.prefill
    if prefill is None:
        return [session]
    at = stamp.at - _LEAD
    message = msgspec.structs.replace(
        session,
        id=slot_id(scope, "prefill"),
        kind=Kind.MESSAGE,
        text=prefill,
        body=msgspec.json.encode({"role": "assistant", "content": prefill}),
        role="assistant",
        metadata={},
        created_at=at,
        updated_at=at,
    )
    return [message, session]


async def renew(call: Call, stamp: Stamp, session: Record | None, system: Record | None = None) -> None:
    """Gives what is there a new lease of the route's ttl, where it has one. A session that was deleted meanwhile is
    opened anew, with nothing of what it was.

    Of two renewals that race one is stored, which is as good as both.
    """
    expires = call.expires(stamp.at, None)
    if expires is None or session is None:
        return
    anew = [
        msgspec.structs.replace(record, expires_at=expires, updated_at=stamp.at, version=record.version + 1)
        for record in (session, system)
        if record is not None
    ]
    route, reach = call.route, Reach.only(call.scope)
    stored = await replaced(route.provider, reach, anew, surely=route.capabilities.replaces)
    if not stored[0] and (await route.provider.get(reach, [session.id]))[0] is None:
        await route.provider.put(await embedded(call, opened(call, call.scope, stamp, {})))


async def embedded(call: Call, records: Sequence[Record]) -> list[Record]:
    """The same records; messages with any text in them get a vector, where the route has an embedder."""
    embedder = call.route.embedder
    spoken = [record.text for record in records if _speaks(record)]
    if embedder is None or not spoken:
        return list(records)
    vectors = iter(await embedder.embed(spoken))
    return [msgspec.structs.replace(record, vector=next(vectors)) if _speaks(record) else record for record in records]


def _speaks(record: Record) -> bool:
    return record.kind is Kind.MESSAGE and bool(record.text.strip())
