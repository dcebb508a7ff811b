"""What a session comes to: the backend's own account of it where it keeps one, else the summary that is stored."""

from typing import TYPE_CHECKING, Literal, cast

import msgspec

from gateway.domain.errors import NotFound
from gateway.domain.hooking import Event
from gateway.domain.principal import Role
from gateway.domain.record import Family, Kind
from gateway.services.call import Call, Operation
from gateway.services.hooking import after_records, after_text, before_read
from gateway.services.sessions.opening import check_opened
from gateway.services.sessions.summing import summaries_of, together
from gateway.services.sessions.system import OneSession

if TYPE_CHECKING:
    from gateway.domain.ports import Briefs


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """`by` says who made it: the backend, the route's summariser, or (`extract`) what takes its place when it is away."""

    session_id: str
    summary: str
    by: Literal["backend", "gateway", "extract"]


async def summary(call: Call, _request: OneSession) -> Summary:
    """NotFound where there is none, or none yet."""
    if await before_read(call, Event.GET) is None:
        raise NotFound("this session has no summary", code="no_summary")
    if call.route.capabilities.briefs:
        text = (await cast("Briefs", call.route.provider).brief(call.reach, "")).summary
        text = await after_text(call, Event.GET, text, call.scope.run, Kind.SUMMARY)
        if text:
            return Summary(session_id=call.scope.run, summary=text, by="backend")
    stored = await after_records(call, Event.GET, await summaries_of(call.route, call.reach))
    if not stored:
        await check_opened(call)
        raise NotFound("this session has no summary", code="no_summary")
    return Summary(session_id=call.scope.run, summary=together(stored), by="gateway")


SUMMARY: Operation[OneSession, Summary] = Operation(
    name="session.summary", op="get", family=Family.MESSAGE, role=Role.READER, run=summary, one_run=True
)
