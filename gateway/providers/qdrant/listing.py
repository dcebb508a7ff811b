"""A reach in order. Qdrant orders by time alone; records of one time are put in the order of their ids here.

So what is drawn is cut where the time changes, and a time that fills a whole draw is read to its end first.
"""

from collections.abc import AsyncIterator
from typing import Final

from qdrant_client import models

from gateway.domain.ports import Order, Position, Scan
from gateway.domain.record import Record
from gateway.providers.qdrant.collection import Collection
from gateway.providers.qdrant.conditions import Conditions, all_of, within
from gateway.providers.qdrant.storing import micros, record_from

_MOST: Final = 128  # points in one answer: decoding more would hold the event loop
_NUMBERS: Final = 50_000  # numbers of vectors in one answer


def at_once(wanted: int, numbers: int) -> int:
    """How many points to ask for, where each comes with a vector of that many numbers."""
    return max(2, min(wanted, _MOST, _NUMBERS // max(1, numbers)))


async def in_order(
    collection: Collection, conditions: Conditions, scan: Scan, numbers: int
) -> AsyncIterator[list[Record]]:
    """Everything after the scan's position for which the conditions hold, in groups."""
    newest, after = scan.order is Order.NEWEST, scan.after
    order = models.OrderBy(key="created", direction=models.Direction.DESC if newest else models.Direction.ASC)
    vectors = {"vectors": scan.vectors}
    payload = True if scan.bodies else models.PayloadSelectorExclude(exclude=["body"])
    at, inclusive = (None, True) if after is None else (micros(after.created_at), True)
    step = at_once(scan.limit + 3, numbers if scan.vectors else 0)  # the position itself, one more, and one cut off
    while True:
        bound = [] if at is None else [_beyond(at, newest, inclusive)]
        found, _ = await collection.scroll(all_of(*conditions, *bound), step, payload, order=order, **vectors)
        records = [record_from(each.payload, each.vector) for each in found]
        if len(found) < step:
            yield _sorted(records, newest, after)
            return
        at = micros(records[-1].created_at)
        whole = [each for each in records if micros(each.created_at) != at]
        inclusive = bool(whole)
        if not whole:
            async for some in _everything(collection, [*conditions, within("created", gte=at, lte=at)], payload, scan):
                whole.extend(some)
        yield _sorted(whole, newest, after)
        step = at_once(2 * step, numbers if scan.vectors else 0)


async def _everything(
    collection: Collection, conditions: Conditions, payload: object, scan: Scan
) -> AsyncIterator[list[Record]]:
    offset = None
    while True:
        found, offset = await collection.scroll(
            all_of(*conditions), _MOST, payload, offset=offset, vectors=scan.vectors
        )
        yield [record_from(each.payload, each.vector) for each in found]
        if offset is None:
            return


def _beyond(at: int, newest: bool, inclusive: bool) -> models.FieldCondition:
    bound = ("lte" if inclusive else "lt") if newest else ("gte" if inclusive else "gt")
    return within("created", **{bound: at})


def _sorted(records: list[Record], newest: bool, after: Position | None) -> list[Record]:
    def passed(record: Record) -> bool:
        if after is None:
            return False
        place, last = (record.created_at, record.id), (after.created_at, after.id)
        return place >= last if newest else place <= last

    ordered = sorted(records, key=lambda each: (each.created_at, each.id), reverse=newest)
    return [each for each in ordered if not passed(each)]
