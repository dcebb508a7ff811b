"""The verbs of a provider over one collection. Knows records, reaches and the clock; how Qdrant is asked is below."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from itertools import count
from typing import Final, TypeVar

from qdrant_client import models

from gateway.domain.errors import Unavailable
from gateway.domain.ports import Hit, Kit, Page, Scan, Where
from gateway.domain.record import Record
from gateway.domain.scope import Reach
from gateway.providers.exact import dimension_of
from gateway.providers.qdrant.collection import Collection
from gateway.providers.qdrant.conditions import alive, all_of, named, reached, replaceable, within
from gateway.providers.qdrant.listing import at_once, in_order
from gateway.providers.qdrant.pushdown import pushed
from gateway.providers.qdrant.searching import best, by_ranks, holding, meant, near, together
from gateway.providers.qdrant.storing import micros, point_id, point_of, record_from, sparse, words_of
from gateway.providers.qdrant.turns import Turns
from gateway.providers.terms import Terms
from gateway.providers.winnowing import lives, winnowed

Item = TypeVar("Item")

_INLINE: Final = 20_000  # characters of text split into terms on the loop
_CHARACTERS: Final = 500_000  # of text in one request
_IDS: Final = 500


class Points:
    def __init__(self, collection: Collection, kit: Kit, writer: str, *, exact: bool, most: int | None) -> None:
        self._collection = collection
        self._kit = kit
        self._dimension = kit.dimension
        self._exact = exact
        self._most = most
        self._terms = Terms()
        self._turns = Turns()
        self._writes = (f"{writer}.{number}" for number in count())

    async def put(self, records: Sequence[Record]) -> list[bool]:
        if self._most is not None and await self._collection.count(all_of()) + len(records) > self._most:
            raise Unavailable(f"{self._kit.name} holds its {self._most} records", code="store_full")
        texts = [record.text for record in records]
        if sum(map(len, texts)) <= _INLINE:
            words = [sparse(self._terms.of(text)) for text in texts]
        else:
            words = await asyncio.to_thread(words_of, texts)
        answers = [False] * len(records)
        for wave in _waves(records):
            for some in self._requests(records, wave):
                stored = await self.store([records[n] for n in some], [words[n] for n in some])
                for n, answer in zip(some, stored, strict=True):
                    answers[n] = answer
        return answers

    async def get(self, reach: Reach, ids: Sequence[str]) -> list[Record | None]:
        now = self._kit.clock()
        found: dict[str, Record] = {}
        for some in _cut(list(dict.fromkeys(ids)), at_once(_IDS, self._dimension or 0)):
            wanted = [point_id(reach.tenant, id_) for id_ in some]
            for point in await self._collection.retrieve(wanted, vectors=True):
                record = record_from(point.payload, point.vector)
                if reach.covers(record.scope) and lives(record, now):
                    found[record.id] = record
        return [found.get(id_) for id_ in ids]

    async def delete(self, reach: Reach, ids: Sequence[str]) -> int:
        deleted = 0
        for some in _cut(list(dict.fromkeys(ids)), _IDS):
            wanted = [named(reach.tenant, some), *reached(reach)]
            async with self._turns.of(point_id(reach.tenant, id_) for id_ in some):
                there = await self._collection.count(all_of(*wanted, alive(micros(self._kit.clock()))))
                await self._collection.delete(all_of(*wanted))
                deleted += there
        return deleted

    async def scan(self, reach: Reach, scan: Scan) -> Page:
        now = self._kit.clock()
        conditions = [*meant(reach, scan.where, now), *pushed(scan.where.filter, reach.tenant)]
        return await winnowed(in_order(self._collection, conditions, scan, self._dimension or 0), reach, scan, now)

    async def nearest(self, reach: Reach, vector: bytes, where: Where, limit: int) -> list[Hit]:
        if dimension_of(vector) != self._dimension:
            return []
        now = self._kit.clock()
        return await self._whole(
            lambda exact: best(self._collection, near(reach, vector, where, limit, exact=exact), now), limit
        )

    async def matching(self, reach: Reach, words: Sequence[str], where: Where, limit: int) -> list[Hit]:
        terms = self._terms.wanted(words)
        if not terms:
            return []
        now = self._kit.clock()
        return await best(self._collection, holding(reach, terms, where, limit, now), now)

    async def fused(self, reach: Reach, vector: bytes, words: Sequence[str], where: Where, limit: int) -> list[Hit]:
        terms, now = self._terms.wanted(words), self._kit.clock()
        if where.filter is not None or not terms or dimension_of(vector) != self._dimension:
            both = [await self.nearest(reach, vector, where, limit), await self.matching(reach, words, where, limit)]
            return by_ranks(both, limit)
        held = holding(reach, terms, where, limit, now)
        return await self._whole(
            lambda exact: together(self._collection, [near(reach, vector, where, limit, exact=exact), held], now), limit
        )

    async def sweep(self, limit: int) -> int:
        gone = within("expires", lte=micros(self._kit.clock()))
        removed = 0
        while removed < limit:
            found, _ = await self._collection.scroll(all_of(gone), min(limit - removed, _IDS), False)
            if not found:
                break
            ids = [str(each.id) for each in found]
            async with self._turns.of(ids):
                wanted = all_of(models.HasIdCondition(has_id=[*ids]), gone)  # what was renewed meanwhile stays
                there = await self._collection.count(wanted)
                await self._collection.delete(wanted)
                removed += there
        return removed

    async def ping(self) -> None:
        await self._collection.exists()

    async def _whole(self, ask: Callable[[bool], Awaitable[list[Hit]]], limit: int) -> list[Hit]:
        """A walk over a graph may end before it has met enough: what came back short is asked for without the graph.

        Where there is no more, that costs little: few are compared."""
        hits = await ask(self._exact)
        return hits if self._exact or len(hits) >= limit else await ask(True)

    async def store(self, records: Sequence[Record], words: Sequence[models.SparseVector | None]) -> list[bool]:
        """Different ids. Qdrant does not say which points it replaced, so what is there afterwards is looked at."""
        write = next(self._writes)
        points = [point_of(record, of, write, self._dimension) for record, of in zip(records, words, strict=True)]
        ids = [str(point.id) for point in points]
        async with self._turns.of(ids):
            await self._collection.upsert(points, replaceable(records, micros(self._kit.clock())))
            found = await self._collection.retrieve(ids, ["write"])
        there = {str(each.id): (each.payload or {}).get("write") for each in found}
        return [there.get(id_) == write for id_ in ids]

    def _requests(self, records: Sequence[Record], wave: Sequence[int]) -> Iterator[list[int]]:
        """Parts of a wave that are small enough to be encoded without holding the event loop."""
        most = at_once(_IDS, self._dimension or 0)
        some: list[int] = []
        characters = 0
        for n in wave:
            length = len(records[n].text) + len(records[n].body or b"")
            if some and (len(some) == most or characters + length > _CHARACTERS):
                yield some
                some, characters = [], 0
            some.append(n)
            characters += length
        if some:
            yield some


def _waves(records: Sequence[Record]) -> list[list[int]]:
    """Places in the batch: each id once in a wave, and of one id in the batch's order."""
    waves: list[list[int]] = []
    seen: dict[tuple[str, str], int] = {}
    for place, record in enumerate(records):
        key = (record.scope.tenant, record.id)
        wave = seen.get(key, 0)
        seen[key] = wave + 1
        if wave == len(waves):
            waves.append([])
        waves[wave].append(place)
    return waves


def _cut(items: Sequence[Item], size: int) -> Iterator[Sequence[Item]]:
    return (items[start : start + size] for start in range(0, len(items), size))
