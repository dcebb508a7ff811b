"""Pages of all that a tenant has, oldest first, for whoever reads a lot: large ones while they are light, patiently."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Final, TypeVar

from gateway.domain.errors import DeadlineExceeded, TooMany, Unavailable
from gateway.domain.filters import Filter
from gateway.domain.ports import Order, Page, Position, Provider, Scan, Where
from gateway.domain.record import Kind
from gateway.domain.scope import Reach
from gateway.services.moving.way import whole

LARGEST: Final = 1000
_FIRST: Final = 250
_SMALLEST: Final = 10
_HEAVY: Final = 16 * 2**20  # bytes of a page; a heavier one makes the next one shorter
_WAITS: Final = (0.2, 0.5, 1.0, 2.0, 5.0)
_FINAL: Final = frozenset({"closed", "store_full", "taken"})  # waiting does not help

Result = TypeVar("Result")


async def patiently(call: Callable[[], Awaitable[Result]], waits: tuple[float, ...] = _WAITS) -> Result:
    """What the call returns. One that the backend did not answer is made again, a few times, later and later."""
    for wait in waits:
        try:
            return await call()
        except (Unavailable, DeadlineExceeded, TooMany) as error:
            if error.code in _FINAL:
                raise
            await asyncio.sleep(wait)
    return await call()


async def paged(
    provider: Provider,
    tenant: str,
    kinds: frozenset[Kind],
    *,
    after: Position | None = None,
    filter_: Filter | None = None,
    vectors: bool = True,
    bodies: bool = True,
) -> AsyncGenerator[Page]:
    """Every page after the position. A page that is the last has no next."""
    reach, where, limit = whole(tenant), Where(kinds, filter_), _FIRST
    while True:
        scan = Scan(where=where, limit=limit, order=Order.OLDEST, after=after, vectors=vectors, bodies=bodies)
        page = await _scanned(provider, reach, scan)
        yield page
        if page.next is None:
            return
        after, limit = page.next, _next(limit, page)


async def _scanned(provider: Provider, reach: Reach, scan: Scan) -> Page:
    return await patiently(lambda: provider.scan(reach, scan))


def _next(limit: int, page: Page) -> int:
    weight = sum(record.size() for record in page.records)
    if weight > _HEAVY:
        return max(limit // 2, _SMALLEST)
    return min(limit * 2, LARGEST) if weight < _HEAVY // 4 else limit
