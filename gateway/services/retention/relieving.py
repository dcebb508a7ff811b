"""Brings a session that holds too much back within its route's limits: summed up, handed over or archived, then removed.

Nothing is queued: what is owed stands in the session itself, which is too large until this is done. Whoever is cut off
leaves it as it was, or with a summary that says how far it goes; the next attempt takes it from there. Only messages
that were read are removed, by their ids, and only after everything else has succeeded.
"""

from typing import Final

from gateway.domain.erasure import BEGAN
from gateway.domain.errors import Conflict, GatewayError, Misconfigured
from gateway.domain.filtering import read_filter
from gateway.domain.hooking import Event
from gateway.domain.ports import Order, Where
from gateway.domain.record import Kind, Record
from gateway.domain.scope import Reach, Scope
from gateway.runtime.bound import BoundRoute
from gateway.services.retention.archiving import Gone, put_away
from gateway.services.retention.leases import given_back, taken
from gateway.services.retention.telling import done, may
from gateway.services.sessions.context import piece_of
from gateway.services.sessions.excess import excess
from gateway.services.sessions.opening import MESSAGES
from gateway.services.sessions.summing import line_of, sum_up
from gateway.services.walking import walk
from gateway.summarizers.talk import Summarizer, Talk

_LEASE: Final = "overflow"
_LEASE_SECONDS: Final = 300.0
_ATTEMPTS: Final = 3


async def relieve(route: BoundRoute, session: Scope) -> Gone:
    """What was removed; nothing where the session is within its limits. Conflict where somebody else is at it."""
    if not await surplus(route, session):
        return Gone()
    if not await taken(route, session, _LEASE, _LEASE_SECONDS, Kind.SUMMARY):
        raise Conflict("this session is being looked after by somebody else", code="contended")
    began = BEGAN.set(route.era())  # a summary of what is erased meanwhile is not kept
    try:
        for attempt in range(_ATTEMPTS):
            try:
                return await _relieved(route, session)
            except Conflict:
                if attempt == _ATTEMPTS - 1:
                    raise
        raise AssertionError  # the last attempt returned or raised
    finally:
        BEGAN.reset(began)
        await given_back(route, session, _LEASE)


async def drop_surplus(route: BoundRoute, session: Scope) -> None:
    """Within a request, after an append: the limit holds for whoever reads next. What fails waits for the next one."""
    try:
        going = await surplus(route, session)
        if going:
            await put_away(route, going, archive=False)
    except GatewayError:
        route.fault("not_trimmed")


async def surplus(route: BoundRoute, session: Scope) -> list[Record]:
    """The messages that must go, oldest first."""
    limits, reach = route.config.layer.session, Reach.only(session)
    if limits.max_tokens is None and not await _more_than(route, reach, _fewest(route)):
        return []
    found = walk(route.provider, reach, Where(MESSAGES), order=Order.OLDEST)
    messages = [message async for message in found]
    return messages[: excess([piece_of(route, message) for message in messages], limits)]


async def _relieved(route: BoundRoute, session: Scope) -> Gone:
    layer = route.config.layer
    going = await surplus(route, session)
    if not going:
        return Gone()
    handling = layer.session.on_overflow
    what = {"summarize": "retention.summarize", "plugin": "retention.hand_over"}.get(handling, "")
    if what and not await may(route, session, what, Event.UPDATE, len(going)):
        return Gone(kept=len(going), held=len(going))
    match handling:
        case "summarize":
            await sum_up(route, session, going, _summarizer(route), removing=True)
            route.kept("summarized", len(going))
        case "plugin":
            await _summarizer(route).summarize(Talk(lines=[line_of(message) for message in going]))
            route.kept("handed_over", len(going))
        case "drop" | "archive":
            pass
    if what:
        await done(route, session, what, Event.UPDATE, len(going))
    archive = handling != "drop"
    return await put_away(route, going, read_filter(layer.retention.archive_if), archive=archive)


async def _more_than(route: BoundRoute, reach: Reach, most: int) -> bool:
    """Counts without reading what was said."""
    count = 0
    async for _ in walk(route.provider, reach, Where(MESSAGES), first=most + 1, bodies=False):
        count += 1
        if count > most:
            return True
    return False


def _fewest(route: BoundRoute) -> int:
    """As many messages as there may be without anything being due."""
    limits = route.config.layer.session
    due: list[int] = [] if limits.summarize_after is None else [limits.summarize_after - 1]
    due += [] if limits.max_messages is None else [limits.max_messages]
    return min(due, default=0)


def _summarizer(route: BoundRoute) -> Summarizer:
    if route.summarizer is None:
        raise Misconfigured(f"the route {route.name!r} has no summarizer")
    return route.summarizer
