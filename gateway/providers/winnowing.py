"""Takes what a scan asked for out of candidates that a backend has put in order: liveness and the filter before the limit.

For providers whose backend tests only part of a filter, or none. Knows no backend.
"""

from collections.abc import AsyncIterable, Iterable, Sequence
from datetime import datetime

from gateway.domain.filters import matches
from gateway.domain.ports import Hit, Page, Position, Scan, Where
from gateway.domain.record import Record
from gateway.domain.scope import Reach


def lives(record: Record, now: datetime) -> bool:
    return record.expires_at is None or record.expires_at > now


def passes(record: Record, reach: Reach, where: Where, now: datetime) -> bool:
    """Whether the record is inside the reach, of the kinds, alive, and passes the filter."""
    return (
        record.kind in where.kinds
        and reach.covers(record.scope)
        and lives(record, now)
        and matches(where.filter, record)
    )


async def winnowed(candidates: AsyncIterable[Sequence[Record]], reach: Reach, scan: Scan, now: datetime) -> Page:
    """The page of a scan. The candidates come in the scan's order, after its position; no more are drawn than needed."""
    found: list[Record] = []
    async for some in candidates:
        for record in some:
            if not passes(record, reach, scan.where, now):
                continue
            if len(found) == scan.limit:
                return Page(tuple(found), Position(found[-1].created_at, found[-1].id))
            found.append(record)
    return Page(tuple(found))


def winnowed_hits(hits: Iterable[Hit], reach: Reach, where: Where, now: datetime, limit: int) -> list[Hit]:
    """The best `limit` of hits that pass."""
    kept = [hit for hit in hits if passes(hit.record, reach, where, now)]
    return sorted(kept, key=lambda hit: -hit.score)[:limit]
