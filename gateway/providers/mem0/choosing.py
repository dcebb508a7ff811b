"""Which records are stored, and which are shown: versions, scopes, expiry, order. Knows no mem0."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from gateway.domain.ports import Order, Page, Position, Scan
from gateway.domain.record import Record
from gateway.domain.scope import Reach
from gateway.providers.mem0.kept import Kept, Write, newest_of_each
from gateway.providers.winnowing import lives, passes


def answers(
    records: Sequence[Record], there: Mapping[tuple[str, str], tuple[Kept, Record]], now: datetime
) -> tuple[list[bool], list[Write]]:
    """Whether each record is stored, and what to write so that the last of each id is what stays."""
    current = {key: record for key, (_, record) in there.items()}
    stored: list[bool] = []
    last: dict[tuple[str, str], Record] = {}
    for record in records:
        key = (record.scope.tenant, record.id)
        before = current.get(key)
        gives_way = before is None or not lives(before, now)
        better = gives_way or (before is not None and before.scope == record.scope and record.version > before.version)
        stored.append(better)
        if better:
            current[key] = last[key] = record
    writes = [
        Write(record, there[key][0].place, there[key][1]) if key in there else Write(record)
        for key, record in last.items()
    ]
    return stored, writes


def within(reach: Reach, tenant: str, record: Record, now: datetime) -> bool:
    """Whether the record may be given to someone of this reach: mem0 gives any memory to anyone who knows its id."""
    return tenant == reach.tenant and reach.covers(record.scope) and lives(record, now)


def page_of(kept: Sequence[Kept], reach: Reach, scan: Scan, now: datetime) -> Page:
    """A page of all that the reach holds."""
    newest = scan.order is Order.NEWEST
    after = (scan.after.created_at, scan.after.id) if scan.after is not None else None
    placed = sorted(
        (record for _, record in newest_of_each(kept).values() if passes(record, reach, scan.where, now)),
        key=lambda record: (record.created_at, record.id),
        reverse=newest,
    )
    if after is not None:
        placed = [each for each in placed if _follows((each.created_at, each.id), after, newest=newest)]
    if len(placed) <= scan.limit:
        return Page(tuple(placed))
    shown = placed[: scan.limit]
    return Page(tuple(shown), Position(shown[-1].created_at, shown[-1].id))


def _follows(place: tuple[datetime, str], after: tuple[datetime, str], *, newest: bool) -> bool:
    return place < after if newest else place > after
