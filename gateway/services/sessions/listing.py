"""The sessions of a user or agent, newest first, page by page."""

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from gateway.domain.errors import Forbidden
from gateway.domain.filtering import read_filter
from gateway.domain.hooking import Event
from gateway.domain.ports import Order, Scan, Where
from gateway.domain.principal import Role
from gateway.domain.record import Family
from gateway.services.asking import Scoped
from gateway.services.call import Call, Operation
from gateway.services.cursors import seal, unseal
from gateway.services.hooking import after_records, before_read
from gateway.services.sessions.opening import SESSIONS
from gateway.services.sessions.showing import Session, show_session


class SessionListing(Scoped, frozen=True, kw_only=True):
    limit: Annotated[int, Meta(ge=1)] = 100
    cursor: str | None = None
    filters: dict[str, Any] = {}
    order: Order = Order.NEWEST


class Sessions(msgspec.Struct, frozen=True, kw_only=True):
    """A page. `cursor` leads to the next; null on the last."""

    sessions: list[Session]
    cursor: str | None


async def list_(call: Call, request: SessionListing) -> Sessions:
    check_pinned(call)
    return await listed(call, request)


async def listed(call: Call, request: SessionListing) -> Sessions:
    where = Where(SESSIONS, read_filter(request.filters, "filters"))
    if await before_read(call, Event.LIST) is None:
        return Sessions(sessions=[], cursor=None)
    key = call.route.cursor_key
    after = unseal(key, request.cursor, call.reach, where) if request.cursor is not None else None
    limit = min(request.limit, call.route.config.layer.limits.max_page)
    page = await call.route.provider.scan(call.reach, Scan(where=where, limit=limit, order=request.order, after=after))
    return Sessions(
        sessions=[show_session(record) for record in await after_records(call, Event.LIST, page.records)],
        cursor=seal(key, page.next, call.reach, where) if page.next is not None else None,
    )


def check_pinned(call: Call) -> None:
    """Who names nothing would see everybody's."""
    if not call.pinned:
        raise Forbidden("name a user, agent or run: this would list those of everybody", code="unscoped_list")


LIST: Operation[SessionListing, Sessions] = Operation(
    name="session.list", op="list", family=Family.MESSAGE, role=Role.READER, run=list_
)
