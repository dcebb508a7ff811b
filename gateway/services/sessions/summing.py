"""The summaries of a session as records: what they cover, and how one more part of the conversation gets into them.

A summary says up to which message it goes, so nothing is summed up twice, whoever is cut off and tries again. With
`summaries: merge` there is one, which grows; two that race know it by the version, and the second begins anew. With
`list` each has an id of its own, made of the message it ends with.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final, cast

import msgspec

from gateway.domain.errors import Conflict, Unavailable
from gateway.domain.ids import slot_id
from gateway.domain.ports import Order, Where
from gateway.domain.record import Kind, Record
from gateway.domain.scope import Reach, Scope
from gateway.runtime.bound import BoundRoute
from gateway.services.replacing import replaced
from gateway.services.walking import walk
from gateway.summarizers.talk import Line, Summarizer, Talk

PREFIX: Final = "Previous conversation summary: "
SUMMARIES: Final = frozenset({Kind.SUMMARY})
_REMOVED: Final = "removed"


async def summaries_of(route: BoundRoute, reach: Reach) -> list[Record]:
    """Those that stand, oldest first. A record without text is a lease, and no summary."""
    found = walk(route.provider, reach, Where(SUMMARIES), order=Order.OLDEST, first=4)
    return [record async for record in found if record.text]


def together(summaries: Sequence[Record]) -> str:
    return "\n".join(record.text for record in summaries)


def stands_for(summaries: Sequence[Record]) -> bool:
    """Whether something that they tell of has been removed."""
    return any(record.metadata.get(_REMOVED) for record in summaries)


def as_message(summary: Record) -> Record:
    """As it stands at the head of a context window."""
    return msgspec.structs.replace(summary, role="system", text=PREFIX + summary.text, body=None, metadata={})


def uncovered(summaries: Sequence[Record], messages: Sequence[Record]) -> list[Record]:
    until = max((_until(summary) for summary in summaries), default=("", ""))
    return [message for message in messages if _place(message) > until]


async def sum_up(
    route: BoundRoute, scope: Scope, messages: Sequence[Record], summarizer: Summarizer, *, removing: bool
) -> list[Record]:
    """The summaries with these messages (the oldest of the session, in order) in them; stored when it returns.

    Raises what the summariser raises, Unavailable where it gives no text, and Conflict where another one was quicker.
    """
    known = await summaries_of(route, Reach.only(scope))
    new = uncovered(known, messages)
    merging = route.config.layer.session.summaries == "merge"
    before = known[-1] if known and merging else None
    if new:
        earlier = before.text if before else ""
        text = await summarizer.summarize(Talk(lines=[line_of(each) for each in new], before=earlier))
        text = text.strip() or earlier
        if not text and any(each.text.strip() for each in new):
            raise Unavailable("the summarizer gave no text", code="summarizer_broken")
        if text:
            summary = _summary(route, scope, text, new, before, removing=removing)
            await _stored(route, summary, before)
            await _still_said(route, new[-1], summary)
    elif removing and known and not stands_for(known):
        last = known[-1]
        await _stored(route, _next(route, last, last.text, {**last.metadata, _REMOVED: True}), last)
    return await summaries_of(route, Reach.only(scope))


def line_of(message: Record) -> Line:
    body: Any = msgspec.json.decode(message.body) if message.body is not None else None
    return Line(
        role=message.role,
        content=message.text,
        created_at=message.created_at,
        metadata=message.metadata,
        message=cast("dict[str, Any]", body) if isinstance(body, dict) else {},
    )


def _summary(
    route: BoundRoute, scope: Scope, text: str, new: Sequence[Record], before: Record | None, *, removing: bool
) -> Record:
    at, id_ = _place(new[-1])
    covered = len(new) + (int(before.metadata.get("messages", 0)) if before else 0)
    gone = removing or (before is not None and stands_for([before]))
    metadata: dict[str, Any] = {"until_at": at, "until_id": id_, "messages": covered, _REMOVED: gone}
    if before is not None:
        return _next(route, before, text, metadata)
    merging = route.config.layer.session.summaries == "merge"
    now = route.mint.now()
    return Record(
        id=slot_id(scope, "summary" if merging else f"summary {id_}"),
        kind=Kind.SUMMARY,
        scope=scope,
        text=text,
        metadata=metadata,
        created_at=now,
        updated_at=now,
        expires_at=_ends(route, now),
        provenance=msgspec.structs.replace(new[-1].provenance, fingerprint=""),
    )


def _next(route: BoundRoute, old: Record, text: str, metadata: dict[str, Any]) -> Record:
    now = route.mint.now()
    return msgspec.structs.replace(
        old,
        text=text,
        metadata=metadata,
        updated_at=now,
        expires_at=_ends(route, now),
        version=old.version + 1,
    )


def _ends(route: BoundRoute, now: datetime) -> datetime | None:
    ttl = route.config.layer.ttl
    try:
        return now + timedelta(seconds=ttl.seconds) if ttl is not None else None
    except OverflowError:
        return None  # later than the calendar goes


async def _stored(route: BoundRoute, summary: Record, before: Record | None) -> None:
    reach, surely = Reach.only(summary.scope), route.capabilities.replaces
    if before is None:
        stored = await route.provider.put([summary])
    else:
        stored = await replaced(route.provider, reach, [summary], surely=surely)
    if not stored[0]:
        raise Conflict("this session is being summed up by somebody else", code="contended")


async def _still_said(route: BoundRoute, last: Record, summary: Record) -> None:
    """Making a summary can take long, and the session may have been deleted meanwhile: messages go first, then their
    summaries, so one that was stored too late finds none of them left."""
    reach = Reach.only(summary.scope)
    if (await route.provider.get(reach, [last.id]))[0] is None:
        await route.provider.delete(reach, [summary.id])
        raise Conflict("this session was emptied while it was being summed up", code="contended")


def _place(message: Record) -> tuple[str, str]:
    """As text that sorts as (created_at, id) does: all times are UTC."""
    return message.created_at.isoformat(timespec="microseconds"), message.id


def _until(summary: Record) -> tuple[str, str]:
    return str(summary.metadata.get("until_at", "")), str(summary.metadata.get("until_id", ""))
