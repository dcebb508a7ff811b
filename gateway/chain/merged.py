"""Several providers read as one: what is written goes to the first, what is read may come from any.

Together (`union`), only where nothing was found before (`first`), or, of searches, by the sum of inverse ranks (`rrf`),
because scores of different backends do not compare. Of one id the newest version counts. A reader that is away is left
out and told; the first one that is away is an error. Knows no route.
"""

import asyncio
import heapq
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final, Literal, TypeVar

import msgspec

from gateway.chain.through import Through, Verb
from gateway.domain.errors import DeadlineExceeded, Unavailable
from gateway.domain.ports import Hit, Order, Page, Position, Provider, Scan, Where
from gateway.domain.record import Record
from gateway.domain.scope import Reach

Result = TypeVar("Result")
How = Literal["first", "union", "rrf"]

_K: Final = 60  # of rank fusion: how little the very first places count for more


class Reader(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    provider: Provider
    merge: How = "union"


class Merged:
    """`provider` is what the routes get. `missed` is told the name of a reader that was left out."""

    def __init__(self, inner: Provider, readers: Sequence[Reader], missed: Callable[[str], None]) -> None:
        self.provider: Provider = Through(self._around, self)
        self._inner = inner
        self._first = [each for each in readers if each.merge == "first"]
        self._together = [each for each in readers if each.merge != "first"]
        self._by_rank = any(each.merge == "rrf" for each in readers)
        self._missed = missed

    async def get(self, reach: Reach, ids: Sequence[str]) -> Sequence[Record | None]:
        async def found(provider: Provider) -> list[Record]:
            return [record for record in await provider.get(reach, ids) if record is not None]

        newest = {record.id: record for record in _newest(await self._read(found))}
        return [newest.get(id_) for id_ in ids]

    async def scan(self, reach: Reach, scan: Scan) -> Page:
        pages: list[Page] = []

        async def found(provider: Provider) -> list[Record]:
            page = await provider.scan(reach, scan)
            pages.append(page)
            return list(page.records)

        records = _newest(await self._read(found))
        # What lies beyond the end of a page that goes on is not known yet, so the shortest one ends them all.
        ends = [page.next for page in pages if page.next is not None]
        records.sort(key=lambda record: (record.created_at, record.id), reverse=scan.order is Order.NEWEST)
        edge = None
        if ends:
            nearest = max if scan.order is Order.NEWEST else min
            edge = nearest(ends, key=lambda at: (at.created_at, at.id))
            records = [record for record in records if _within(record, edge, scan.order)]
        kept = records[: scan.limit]
        if not ends and len(kept) == len(records):
            return Page(tuple(kept))
        last = Position(kept[-1].created_at, kept[-1].id) if kept else edge
        return Page(tuple(kept), last)

    async def nearest(self, reach: Reach, vector: bytes, where: Where, limit: int) -> Sequence[Hit]:
        return await self._search(lambda inner: inner.nearest(reach, vector, where, limit), limit)

    async def matching(self, reach: Reach, words: Sequence[str], where: Where, limit: int) -> Sequence[Hit]:
        return await self._search(lambda inner: inner.matching(reach, words, where, limit), limit)

    async def relevant(self, reach: Reach, question: str, where: Where, limit: int) -> Sequence[Hit]:
        return await self._search(lambda inner: inner.relevant(reach, question, where, limit), limit)

    async def _around(self, _verb: Verb, call: Callable[[Any], Awaitable[Result]]) -> Result:
        return await call(self._inner)

    async def _search(self, search: Callable[[Any], Awaitable[Sequence[Hit]]], limit: int) -> Sequence[Hit]:
        answers = await self._read(search)
        scored: dict[str, Hit] = {}
        for hits in answers:
            for rank, hit in enumerate(hits):
                score = 1.0 / (_K + rank + 1) if self._by_rank else hit.score
                known = scored.get(hit.record.id)
                if known is not None:
                    newer = max(known.record, hit.record, key=lambda record: record.version)
                    scored[hit.record.id] = Hit(
                        newer, known.score + score if self._by_rank else max(known.score, score)
                    )
                else:
                    scored[hit.record.id] = Hit(hit.record, score)
        return heapq.nlargest(limit, scored.values(), key=lambda hit: hit.score)

    async def _read(self, ask: Callable[[Any], Awaitable[Sequence[Result]]]) -> list[Sequence[Result]]:
        """The first one's answer and those of the readers, as far as they are asked and answer."""
        others = asyncio.gather(*(self._asked(each, ask) for each in self._together))
        try:
            answers: list[Sequence[Result]] = [await ask(self._inner)]
        except BaseException:
            others.cancel()
            raise
        answers += [each for each in await others if each is not None]
        for reader in self._first:
            if any(answers):
                break
            answer = await self._asked(reader, ask)
            if answer is not None:
                answers.append(answer)
        return answers

    async def _asked(
        self, reader: Reader, ask: Callable[[Any], Awaitable[Sequence[Result]]]
    ) -> Sequence[Result] | None:
        try:
            return await ask(reader.provider)
        except (Unavailable, DeadlineExceeded):
            self._missed(reader.name)
            return None


def _newest(answers: Sequence[Sequence[Record]]) -> list[Record]:
    newest: dict[str, Record] = {}
    for records in answers:
        for record in records:
            known = newest.get(record.id)
            if known is None or record.version > known.version:
                newest[record.id] = record
    return list(newest.values())


def _within(record: Record, edge: Position, order: Order) -> bool:
    place, end = (record.created_at, record.id), (edge.created_at, edge.id)
    return place >= end if order is Order.NEWEST else place <= end
