"""Deleting everything a reach holds, in pages, until a read finds nothing: the count is what was really there."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from gateway.domain.ports import Order, Provider, Scan, Where
from gateway.domain.scope import Reach

PAGE: Final = 500


async def erase(
    provider: Provider, reach: Reach, where: Where, after_page: Callable[[Sequence[str]], Awaitable[None]] | None = None
) -> int:
    """Idempotent. Rows written while it runs may stay or go; rows that were there when it began are gone."""
    deleted = 0
    scan = Scan(where=where, limit=PAGE, order=Order.OLDEST)
    while True:
        page = await provider.scan(reach, scan)
        if page.records:
            ids = [record.id for record in page.records]
            deleted += await provider.delete(reach, ids)
            if after_page is not None:
                await after_page(ids)
        if page.next is None:
            return deleted
        # A page may be short of matches and still have a next; from there on nothing is met twice.
        scan = Scan(where=where, limit=PAGE, order=Order.OLDEST, after=page.next)
