"""The best of a reach: by words, over the terms kept with each document, and by vectors where the server compares them.

Ranks first and fetches then: what is fetched passes the reach, the kinds, the time and the filter, or does not count.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import aclosing
from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from gateway.domain.ports import Hit, Where
from gateway.domain.scope import Reach
from gateway.providers.mongodb.connecting import Collection, awaited
from gateway.providers.mongodb.layout import key_of, micros, packed
from gateway.providers.mongodb.pushdown import pushed
from gateway.providers.mongodb.reading import AT_ONCE, batches
from gateway.providers.mongodb.selecting import also, meant, shown
from gateway.providers.terms import rarity, weight
from gateway.providers.winnowing import passes

if TYPE_CHECKING:
    from gateway.domain.record import Record
    from gateway.providers.mongodb import VectorSearch

Ranked: TypeAlias = tuple[float, str]  # a score and an `_id`

_AHEAD: Final = 64  # more than the limit where a filter may drop some
_FEW: Final = 5_000  # ranked on the event loop
_MOST: Final = 10_000  # that the server ranks in one approximate search


async def matching(
    collection: Collection, terms: Sequence[str], reach: Reach, where: Where, limit: int, now: datetime
) -> list[Hit]:
    """`terms` as they are stored."""
    if not terms or not where.kinds:
        return []
    query = meant(reach, where, micros(now))
    sums = {"_id": None, "records": {"$sum": 1}, "words": {"$sum": "$words"}}
    counting = await awaited(collection.aggregate([{"$match": query}, {"$group": sums}]))
    counted = await counting.to_list(None)
    if not counted:
        return []
    found: list[dict[str, Any]] = []
    cursor = collection.find(
        {**query, "terms": {"$in": list(terms)}}, {"terms": 1, "times": 1, "words": 1}, batch_size=AT_ONCE
    )
    try:
        while some := await cursor.to_list(AT_ONCE):
            found += [_held(each, terms) for each in some]
    finally:
        await cursor.close()
    total = int(counted[0]["records"])
    average = counted[0]["words"] / total
    if len(found) <= _FEW:
        ranked = _ranked(found, total, average)
    else:
        ranked = await asyncio.to_thread(_ranked, found, total, average)
    hits: list[Hit] = []
    async with aclosing(_fetched(collection, iter(ranked), reach, where, limit, now)) as passing:
        async for hit in passing:
            hits.append(hit)
            if len(hits) == limit:
                break
    return hits


async def nearest(
    collection: Collection, search: "VectorSearch", vector: bytes, reach: Reach, where: Where, limit: int, now: datetime
) -> list[Hit]:
    """What `$vectorSearch` finds. It is told the reach and the time; of the filter it knows nothing, so more is asked."""
    if not where.kinds:
        return []
    candidates = search.candidates
    hits: list[Hit] = []
    seen: set[str] = set()
    wanted = limit + (_AHEAD if where.filter is not None else 0)
    while True:
        most = wanted if candidates is None else min(wanted, _MOST)
        stage: dict[str, Any] = {
            "index": search.index, "path": "vector", "queryVector": packed(vector), "limit": most,
            "filter": _flat(meant(reach, where, micros(now))),
            **({"exact": True} if candidates is None else {"numCandidates": min(max(candidates, most), _MOST)}),
        }  # fmt: skip
        scored = {"_id": 1, "score": {"$meta": "vectorSearchScore"}}
        cursor = await awaited(collection.aggregate([{"$vectorSearch": stage}, {"$project": scored}]))
        found = await cursor.to_list(None)
        # The server's score of a product is (1 + product) / 2.
        new = [(2 * float(each["score"]) - 1, each["_id"]) for each in found if each["_id"] not in seen]
        seen.update(key for _, key in new)
        async with aclosing(_fetched(collection, iter(new), reach, where, limit, now)) as passing:
            async for hit in passing:
                hits.append(hit)
                if len(hits) == limit:
                    return hits
        if len(found) < most or most < wanted:
            return hits
        wanted *= 4


async def _fetched(
    collection: Collection, ranked: Iterator[Ranked], reach: Reach, where: Where, limit: int, now: datetime
) -> AsyncGenerator[Hit]:
    """Those that are there and pass, in their order: fetched in rising steps, so a filter costs no more than it must."""
    clause = pushed(where.filter)
    step = limit + (_AHEAD if where.filter is not None else 0)
    while some := list(islice(ranked, min(step, AT_ONCE))):
        query = also({"_id": {"$in": [key for _, key in some]}}, clause.query)
        records: dict[str, Record] = {}
        cursor = collection.find(query, shown(vectors=True, bodies=True))
        async with aclosing(batches(cursor)) as read:
            async for each in read:
                records.update((key_of(record.scope.tenant, record.id), record) for record in each)
        for score, key in some:
            record = records.get(key)
            if record is not None and passes(record, reach, where, now):
                yield Hit(record, score)
        step *= 2


def _held(document: dict[str, Any], wanted: Sequence[str]) -> dict[str, Any]:
    """What matters of a document: how often it holds which wanted term."""
    times = dict(zip(document["terms"], document["times"], strict=True))
    return {"_id": document["_id"], "words": document["words"], "held": {t: times[t] for t in wanted if t in times}}


def _ranked(found: Sequence[dict[str, Any]], total: int, average: float) -> list[Ranked]:
    holding = Counter(term for each in found for term in each["held"])
    worth = {term: rarity(many, total) for term, many in holding.items()}
    scored = [
        (sum(worth[term] * weight(many, each["words"], average) for term, many in each["held"].items()), each["_id"])
        for each in found
    ]
    return sorted(scored, reverse=True)


def _flat(query: dict[str, Any]) -> dict[str, Any]:
    """Each condition by itself, under the operators that vector search knows."""
    return {"$and": [{name: wanted if isinstance(wanted, dict) else {"$eq": wanted}} for name, wanted in query.items()]}
