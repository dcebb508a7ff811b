"""Reads by id and in order. Whatever the query let through is tested again: the reach, the time, the filter."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from datetime import datetime
from typing import Any, Final

from gateway.domain.ports import Page, Scan
from gateway.domain.record import Record
from gateway.domain.scope import Reach, Scope
from gateway.providers.mongodb.connecting import Collection
from gateway.providers.mongodb.layout import key_of, micros, read
from gateway.providers.mongodb.pushdown import pushed
from gateway.providers.mongodb.selecting import listed, meant, shown, sorting
from gateway.providers.winnowing import lives, winnowed

AT_ONCE: Final = 250  # documents read between two turns of the event loop


async def get(collection: Collection, reach: Reach, ids: Sequence[str], now: datetime) -> list[Record | None]:
    keys = [key_of(reach.tenant, id_) for id_ in dict.fromkeys(ids)]
    found: dict[str, Record] = {}
    for start in range(0, len(keys), AT_ONCE):
        cursor = collection.find({"_id": {"$in": keys[start : start + AT_ONCE]}}, shown(vectors=True, bodies=True))
        async with aclosing(batches(cursor)) as some:
            async for records in some:
                found.update((each.id, each) for each in records if reach.covers(each.scope) and lives(each, now))
    return [found.get(id_) for id_ in ids]


async def scan(collection: Collection, reach: Reach, wanted: Scan, now: datetime) -> Page:
    where = wanted.where
    if not where.kinds:
        return Page(())
    clause = pushed(where.filter)
    query = listed(meant(reach, where, micros(now)), clause, wanted.order, wanted.after)
    cursor = collection.find(
        query, shown(vectors=wanted.vectors, bodies=wanted.bodies), sort=sorting(wanted.order),
        limit=wanted.limit + 1 if clause.exact else 0, batch_size=min(wanted.limit + 1, AT_ONCE) if clause.exact else AT_ONCE,
    )  # fmt: skip
    async with aclosing(batches(cursor)) as candidates:
        return await winnowed(candidates, reach, wanted, now)


async def batches(cursor: Any) -> AsyncGenerator[list[Record]]:
    """The records of a cursor, some at a time. Close it, or the server keeps the cursor."""
    known: dict[Scope, str] = {}
    try:
        while documents := await cursor.to_list(AT_ONCE):
            yield [read(each, known) for each in documents]
    finally:
        await cursor.close()
