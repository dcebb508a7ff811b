"""Summing up a session on request: what was said since the last summary is added to it, and the text comes back.

Nothing is removed. Where the route's summariser does not answer in time, the text is the extractive one of this moment:
whoever asks gets a text, and the next one who asks gets the better one.
"""

import asyncio
import logging
from pathlib import Path
from typing import Final, cast

from gateway.domain.errors import Conflict, GatewayError
from gateway.domain.hooking import Event
from gateway.domain.ports import Briefs, Kit, Order, Where
from gateway.domain.principal import Role
from gateway.domain.record import Family, Kind, Record
from gateway.services.call import Call, Operation
from gateway.services.hooking import after_deed, after_records, after_text, before_deed
from gateway.services.sessions.opening import MESSAGES, check_opened
from gateway.services.sessions.summary import Summary
from gateway.services.sessions.summing import line_of, sum_up, summaries_of, together, uncovered
from gateway.services.sessions.system import OneSession
from gateway.services.walking import walk
from gateway.summarizers.extractive import Extractive, ExtractiveOptions
from gateway.summarizers.talk import Summarizer, Talk

_SHARE: Final = 0.8  # of the request's time, for the route's own summariser

_log = logging.getLogger("gateway.retention")


async def summarize(call: Call, _request: OneSession) -> Summary:
    """An empty text where nothing was said. Concurrent requests for one session come to the same summary."""
    if not await before_deed(call, Event.UPDATE):
        return Summary(session_id=call.scope.run, summary="", by="gateway")
    summary = await _summary(call)
    await after_deed(call, Event.UPDATE)
    return summary


async def _summary(call: Call) -> Summary:
    if call.route.capabilities.briefs:
        text = (await cast("Briefs", call.route.provider).brief(call.reach, "")).summary
        text = await after_text(call, Event.GET, text, call.scope.run, Kind.SUMMARY)
        if text:
            return Summary(session_id=call.scope.run, summary=text, by="backend")
    found = walk(call.route.provider, call.reach, Where(MESSAGES), order=Order.OLDEST)
    messages = [message async for message in found]
    if not messages:
        await check_opened(call)
    plain = Extractive(ExtractiveOptions(), Kit(name="extractive", clock=call.route.mint.now, home=Path()))
    summarizer = call.route.summarizer or plain
    try:
        async with asyncio.timeout(_SHARE * call.route.config.layer.limits.deadline.seconds):
            text = together(await after_records(call, Event.GET, await _summed(call, messages, summarizer)))
        return Summary(session_id=call.scope.run, summary=text, by="gateway")
    except (GatewayError, TimeoutError) as error:
        reason = error.code if isinstance(error, GatewayError) else "deadline"
        _log.warning(
            "a summarizer failed; the summary is extractive", extra={"route": call.route.name, "reason": reason}
        )
        call.route.fault("summarized_extractively")
    known = await after_records(call, Event.GET, await summaries_of(call.route, call.reach))
    new = await after_records(call, Event.GET, uncovered(known, messages))
    text = await plain.summarize(Talk(lines=[line_of(each) for each in new], before=together(known)))
    return Summary(session_id=call.scope.run, summary=text, by="extract")


async def _summed(call: Call, messages: list[Record], summarizer: Summarizer) -> list[Record]:
    try:
        return await sum_up(call.route, call.scope, messages, summarizer, removing=False)
    except Conflict:  # whoever was quicker has summed up the same
        return await sum_up(call.route, call.scope, messages, summarizer, removing=False)


SUMMARIZE: Operation[OneSession, Summary] = Operation(
    name="session.summarize", op="update", family=Family.MESSAGE, role=Role.WRITER, run=summarize, one_run=True
)
