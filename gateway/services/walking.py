"""Going through what a reach holds, page by page, without reading more than is looked at."""

from collections.abc import AsyncIterator
from typing import Final

from gateway.domain.ports import Order, Provider, Scan, Where
from gateway.domain.record import Record
from gateway.domain.scope import Reach

LARGEST: Final = 500


async def walk(
    provider: Provider,
    reach: Reach,
    where: Where,
    *,
    order: Order = Order.NEWEST,
    first: int = LARGEST,
    bodies: bool = True,
) -> AsyncIterator[Record]:
    """Every record, in order. The first page asks for `first`; each further one for twice as many, up to LARGEST."""
    size = min(first, LARGEST)
    scan = Scan(where=where, limit=size, order=order, bodies=bodies)
    while True:
        page = await provider.scan(reach, scan)
        for record in page.records:
            yield record
        if page.next is None:
            return
        size = min(2 * size, LARGEST)
        scan = Scan(where=where, limit=size, order=order, after=page.next, bodies=bodies)


async def newest(provider: Provider, reach: Reach, where: Where) -> Record | None:
    """The newest record, or None. A page may be empty and not be the last, so it looks on until it knows."""
    async for record in walk(provider, reach, where, first=1):
        return record
    return None
