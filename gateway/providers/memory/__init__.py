"""Records in this process's memory: fast, gone with the process, for tests, caches and trying things out.

Long walks give way to other work every few hundred records. Knows nothing of files, networks or other processes.
"""

import asyncio
import heapq
import struct
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import AsyncExitStack
from typing import Annotated, Any, ClassVar, Final

import msgspec
from msgspec import Meta

from gateway.domain.errors import Unavailable
from gateway.domain.filters import matches
from gateway.domain.ports import Capabilities, Count, Hit, Kit, Order, Page, Position, Scan, Where
from gateway.domain.record import Kind, Record
from gateway.domain.scope import Reach
from gateway.providers.exact import best_first, dimension_of, scores
from gateway.providers.memory.shelves import Place, Shelf, Shelves, lives
from gateway.providers.terms import Terms, rarity, weight

__all__ = ["Memory"]

_INLINE: Final = 20_000  # characters of text split into terms on the loop
_BREATH: Final = 500  # records walked before others get a turn


class MemoryOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    max_records: (
        Annotated[int, Meta(ge=1, description="Writes that would keep more than this many are refused with 503.")]
        | None
    ) = None


class Memory:
    """`max_records` counts expired records only until it is reached: then they are removed first."""

    type_name: ClassVar[str] = "memory"
    schemes: ClassVar[dict[str, str]] = {"memory": ""}
    Options: ClassVar[type[Any]] = MemoryOptions

    def __init__(self, options: MemoryOptions, kit: Kit) -> None:
        self._limit = options.max_records
        self._kit = kit
        self._terms = Terms()
        self._shelves = Shelves()

    @classmethod
    def capabilities(cls, options: Any) -> Capabilities:  # noqa: ARG003 -- the same for all options
        return Capabilities(
            kinds=frozenset(Kind), nearest=True, matching=True, sweeps=True, revised=True, counted=True, replaces=True
        )

    async def open(self, stack: AsyncExitStack) -> None:
        """Nothing to connect to. What was kept goes when the stack closes."""
        stack.callback(self._shelves.clear)

    async def put(self, records: Sequence[Record]) -> Sequence[bool]:
        """All of the batch or nothing."""
        return await self._put(records, over=False)

    async def replace(self, records: Sequence[Record], beside: Sequence[Record] = ()) -> Sequence[bool]:
        stored = await self._put(records, over=True)
        if beside and all(stored):
            await self._put(beside, over=False)
        return stored

    async def _put(self, records: Sequence[Record], *, over: bool) -> Sequence[bool]:
        texts = [record.text for record in records]
        if sum(map(len, texts)) <= _INLINE:
            terms = [Counter(self._terms.of(text)) for text in texts]
        else:
            terms = await asyncio.to_thread(_counted, texts)
        now = self._kit.clock()
        if not over and self._limit is not None and len(self._shelves) + len(records) > self._limit:
            self._shelves.sweep(now, len(self._shelves))
            if len(self._shelves) + self._shelves.new(records) > self._limit:
                raise Unavailable(f"{self._kit.name} holds its {self._limit} records", code="store_full")
        return [
            (not over or self._shelves.find(Reach.only(record.scope), record.id, now) is not None)
            and self._shelves.put(record, now, each)
            for record, each in zip(records, terms, strict=True)
        ]

    async def get(self, reach: Reach, ids: Sequence[str]) -> Sequence[Record | None]:
        now = self._kit.clock()
        return [self._shelves.find(reach, id_, now) for id_ in ids]

    async def delete(self, reach: Reach, ids: Sequence[str]) -> int:
        now = self._kit.clock()
        there = [id_ for id_ in dict.fromkeys(ids) if self._shelves.find(reach, id_, now) is not None]
        for id_ in there:
            self._shelves.remove(reach.tenant, id_)
        return len(there)

    async def scan(self, reach: Reach, scan: Scan) -> Page:
        found: list[Record] = []
        async for record, _ in self._walk(reach, scan.where, scan.order, scan.after):
            if len(found) == scan.limit:
                last = found[-1]
                return Page(tuple(found), Position(last.created_at, last.id))
            found.append(record)
        return Page(tuple(found))

    async def nearest(self, reach: Reach, vector: bytes, where: Where, limit: int) -> Sequence[Hit]:
        now = self._kit.clock()
        hits: list[Hit] = []
        for shelf in self._shelves.covered(reach):
            for kind in where.kinds & shelf.order.keys():
                records, matrix = shelf.matrix(kind, dimension_of(vector))
                found = scores(matrix, vector)
                taken = 0
                for walked, row in enumerate(best_first(found)):
                    if walked % _BREATH == _BREATH - 1:
                        await asyncio.sleep(0)
                    record = records[row]
                    if shelf.records.get(record.id) is record and lives(record, now) and matches(where.filter, record):
                        hits.append(Hit(record, float(found[row])))
                        taken += 1
                        if taken == limit:
                            break
        return heapq.nlargest(limit, hits, key=lambda hit: hit.score)

    async def matching(self, reach: Reach, words: Sequence[str], where: Where, limit: int) -> Sequence[Hit]:
        wanted = self._terms.wanted(words)
        holding: Counter[str] = Counter()
        found: list[tuple[Record, Counter[str]]] = []
        total = length = 0
        async for record, shelf in self._walk(reach, Where(where.kinds), Order.NEWEST, None):
            terms = shelf.terms[record.id]
            total += 1
            length += terms.total()
            held = [term for term in wanted if term in terms]
            holding.update(held)
            if held and matches(where.filter, record):
                found.append((record, terms))
        average = length / total if total else 0.0
        worth = {term: rarity(holding[term], total) for term in wanted}
        hits = [
            Hit(record, sum(worth[t] * weight(terms[t], terms.total(), average) for t in wanted if t in terms))
            for record, terms in found
        ]
        return heapq.nlargest(limit, hits, key=lambda hit: hit.score)

    async def sweep(self, limit: int) -> int:
        return self._shelves.sweep(self._kit.clock(), limit)

    async def revision(self, reach: Reach) -> bytes:
        # Scopes come with a higher revision and go by one fewer, so no state of the reach has the pair twice.
        revisions = [shelf.revision for shelf in self._shelves.covered(reach)]
        return struct.pack(">QQ", len(revisions), max(revisions, default=0))

    async def count(self) -> dict[Kind, Count]:
        self._shelves.sweep(self._kit.clock(), len(self._shelves))
        return {kind: Count(records, size) for kind, (records, size) in self._shelves.census.items() if records}

    async def _walk(
        self, reach: Reach, where: Where, order: Order, after: Position | None
    ) -> AsyncIterator[tuple[Record, Shelf]]:
        """What passes, in order. Records written meanwhile may be missed; removed ones are not shown."""
        now = self._kit.clock()
        runs = [
            shelf.run(kind, order, after)
            for shelf in self._shelves.covered(reach)
            for kind in where.kinds & shelf.order.keys()
        ]
        merged: Iterable[tuple[Place, Shelf]] = runs[0] if len(runs) == 1 else heapq.merge(
            *runs, key=lambda each: each[0], reverse=order is Order.NEWEST
        )  # fmt: skip
        for walked, ((_, id_), shelf) in enumerate(merged):
            if walked % _BREATH == _BREATH - 1:
                await asyncio.sleep(0)
            record = shelf.records.get(id_)
            if record is not None and lives(record, now) and matches(where.filter, record):
                yield record, shelf


def _counted(texts: Sequence[str]) -> list[Counter[str]]:
    terms = Terms()  # of this thread
    return [Counter(terms.of(text)) for text in texts]
