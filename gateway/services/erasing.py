"""Deleting everything a call's reach holds, in pages, until a read finds nothing: the count is what was really there."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from gateway.domain.ports import Order, Scan, Where
from gateway.services.call import Call

PAGE: Final = 500


async def erase(call: Call, where: Where, after_page: Callable[[Sequence[str]], Awaitable[None]] | None = None) -> int:
    """Idempotent. Rows that were there when it began are gone; of rows written meanwhile some may stay.

    What searches keep in memory of the reach is dropped too: a stale copy would never be served, but it would be there.
    """
    route, reach = call.route, call.reach
    deleted = 0
    scan = Scan(where=where, limit=PAGE, order=Order.OLDEST, bodies=False)
    while True:
        page = await route.provider.scan(reach, scan)
        if page.records:
            ids = [record.id for record in page.records]
            deleted += await route.provider.delete(reach, ids)
            if after_page is not None:
                await after_page(ids)
        if page.next is None:
            route.recaller.forget(reach)
            return deleted
        # A page may be short of matches and still have a next; from there on nothing is met twice.
        scan = Scan(where=where, limit=PAGE, order=Order.OLDEST, after=page.next, bodies=False)
