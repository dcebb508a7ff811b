"""Reading memories: one by id, or all of a scope page by page, newest first."""

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from gateway.domain.errors import NotFound
from gateway.domain.filtering import read_filter
from gateway.domain.hooking import Event
from gateway.domain.ports import Order, Scan, Where
from gateway.domain.principal import Role
from gateway.domain.record import Family, Kind, Record
from gateway.services.asking import Scoped
from gateway.services.call import Call, Operation
from gateway.services.cursors import seal, unseal
from gateway.services.hooking import after_records, before_read
from gateway.services.views import Memory, show

MEMORIES = frozenset({Kind.MEMORY})


class One(Scoped, frozen=True, kw_only=True):
    memory_id: str


class Listing(Scoped, frozen=True, kw_only=True):
    limit: Annotated[int, Meta(ge=1)] = 100
    cursor: str | None = None
    filters: dict[str, Any] = {}
    order: Order = Order.NEWEST


class Memories(msgspec.Struct, frozen=True, kw_only=True):
    """A page. `cursor` leads to the next; null on the last."""

    memories: list[Memory]
    cursor: str | None


async def get(call: Call, request: One) -> Memory:
    if await before_read(call, Event.GET, target=request.memory_id) is not None:
        for record in await after_records(call, Event.GET, [await one(call, request.memory_id)]):
            return show(record)
    raise NotFound("no memory with this id", code="no_memory")


async def one(call: Call, memory_id: str) -> Record:
    """The memory; NotFound where it is absent, expired or somebody else's."""
    record = (await call.route.provider.get(call.reach, [memory_id]))[0]
    if record is None or record.kind is not Kind.MEMORY:
        raise NotFound("no memory with this id", code="no_memory")
    return record


async def list_(call: Call, request: Listing) -> Memories:
    where = Where(MEMORIES, read_filter(request.filters, "filters"))
    if await before_read(call, Event.LIST) is None:
        return Memories(memories=[], cursor=None)
    key = call.route.cursor_key
    after = unseal(key, request.cursor, call.reach, where) if request.cursor else None
    limit = min(request.limit, call.route.config.layer.limits.max_page)
    page = await call.route.provider.scan(call.reach, Scan(where=where, limit=limit, order=request.order, after=after))
    cursor = seal(key, page.next, call.reach, where) if page.next else None
    return Memories(
        memories=[show(record) for record in await after_records(call, Event.LIST, page.records)], cursor=cursor
    )


GET: Operation[One, Memory] = Operation(name="memory.get", op="get", family=Family.MEMORY, role=Role.READER, run=get)
LIST: Operation[Listing, Memories] = Operation(
    name="memory.list", op="list", family=Family.MEMORY, role=Role.READER, run=list_,
    empty=lambda _call, _request: Memories(memories=[], cursor=None),
)  # fmt: skip
