"""The history of a session: its last messages in the order they were said, and from there on back."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from gateway.domain.errors import Invalid
from gateway.domain.filtering import read_filter
from gateway.domain.filters import All, Compare, Filter
from gateway.domain.hooking import Event
from gateway.domain.ports import Position, Scan, Where
from gateway.domain.principal import Role
from gateway.domain.record import Family, Record
from gateway.services.asking import Scoped
from gateway.services.call import Call, Operation
from gateway.services.cursors import seal, unseal
from gateway.services.hooking import after_records, before_read
from gateway.services.sessions.opening import MESSAGES, check_opened
from gateway.services.sessions.showing import Message, show_message
from gateway.services.walking import LARGEST

Moment = Annotated[datetime, Meta(tz=True, description="With a time zone.")]


class HistoryOf(Scoped, frozen=True, kw_only=True):
    """`roles`, `filters` (on metadata) and the inclusive dates apply first, then `offset`, then `limit`."""

    limit: (
        Annotated[int, Meta(ge=1, description="The last so many messages; the route's page size at most.")] | None
    ) = None
    offset: Annotated[int, Meta(ge=0, description="How many of the newest to skip.")] = 0
    cursor: Annotated[str, Meta(description="Goes on before the oldest message of an earlier reply.")] | None = None
    roles: list[str] | None = None
    filters: dict[str, Any] = {}
    since: Moment | None = None
    until: Moment | None = None


class History(msgspec.Struct, frozen=True, kw_only=True):
    """Oldest first. `cursor` leads to what came before; null where nothing did."""

    session_id: str
    messages: list[Message]
    cursor: str | None


async def history(call: Call, request: HistoryOf) -> History:
    """A session that is not known has no messages, unless the route wants sessions minted: then it is NotFound."""
    if request.cursor is not None and request.offset:
        raise Invalid(
            "a cursor stands where the offset would lead: give one of them", code="two_positions", at="offset"
        )
    where = Where(MESSAGES, _filter(request))
    if await before_read(call, Event.GET) is None:
        return History(session_id=call.scope.run, messages=[], cursor=None)
    key = call.route.cursor_key
    after = unseal(key, request.cursor, call.reach, where) if request.cursor is not None else None
    largest = call.route.config.layer.limits.max_page
    records, more = await _last(call, where, after, request.offset, min(request.limit or largest, largest))
    if not records:
        await check_opened(call)
    shown = await after_records(call, Event.GET, records[::-1])
    return History(
        session_id=call.scope.run,
        messages=[show_message(record) for record in shown],
        cursor=seal(key, more, call.reach, where) if more is not None else None,
    )


async def _last(
    call: Call, where: Where, after: Position | None, skip: int, limit: int
) -> tuple[Sequence[Record], Position | None]:
    """Newest first, after `skip` of them; reads no further back than the last one it returns."""
    kept: list[Record] = []
    while True:
        size = min(skip + limit - len(kept), LARGEST)
        page = await call.route.provider.scan(call.reach, Scan(where=where, limit=size, after=after))
        kept += page.records[skip:]
        skip = max(0, skip - len(page.records))
        after = page.next
        if after is None or len(kept) == limit:
            return kept, after


def _filter(request: HistoryOf) -> Filter | None:
    tests: list[Filter] = []
    if request.roles is not None:
        tests.append(Compare("in", request.roles, field="role"))
    if request.since is not None:
        tests.append(Compare("gte", _utc(request.since, "since"), field="created_at"))
    if request.until is not None:
        tests.append(Compare("lte", _utc(request.until, "until"), field="created_at"))
    own = read_filter(request.filters, "filters")
    if own is not None:
        tests.append(own)
    return All(tuple(tests)) if tests else None


def _utc(moment: datetime, at: str) -> datetime:
    if moment.tzinfo is None:
        raise Invalid(f"{at} needs a time zone", code="bad_time", at=at)
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise Invalid(f"{at} is not a time that exists in UTC", code="bad_time", at=at) from None


HISTORY: Operation[HistoryOf, History] = Operation(
    name="session.history", op="get", family=Family.MESSAGE, role=Role.READER, run=history, one_run=True,
    empty=lambda call, _request: History(session_id=call.scope.run, messages=[], cursor=None),
)  # fmt: skip
