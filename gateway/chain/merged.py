"""Several providers read as one: what is written goes to the first, what is read may come from any.

Together (`union`), only where nothing was found before (`first`), or, of searches, by the sum of inverse ranks (`rrf`),
because scores of different backends do not compare. Of one id the newest version counts, also where only an older one
fits the question. A reader that is away is left out and told; the first one that is away is an error. Knows no route.
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
        self._afterwards = [each for each in readers if each.merge == "first"]
        self._beside = [each for each in readers if each.merge != "first"]
        self._by_rank = any(each.merge == "rrf" for each in readers)
        self._missed = missed

    async def get(self, reach: Reach, ids: Sequence[str]) -> Sequence[Record | None]:
        newest: dict[str, Record] = {}

        async def found(provider: Provider) -> list[Record]:
            asked = [id_ for id_ in ids if id_ not in newest]
            return [record for record in await provider.get(reach, asked) if record is not None]

        newest = {record.id: record for record in _newest(await self._together(found))}
        for reader in self._afterwards:
            if len(newest) < len(set(ids)):
                newest |= {record.id: record for record in await self._asked(reader, found) or ()}
        return [newest.get(id_) for id_ in ids]

    async def scan(self, reach: Reach, scan: Scan) -> Page:
        async def page_of(provider: Provider) -> list[Page]:
            return [await provider.scan(reach, scan)]

        async def begins(provider: Provider) -> list[Page]:
            return [await provider.scan(reach, msgspec.structs.replace(scan, after=None, limit=1))]

        answers = await self._together(page_of)
        for reader in self._afterwards:
            # Where a page is not the first one, an empty one may be the end of what was found.
            if _holds(answers) or (scan.after is not None and _holds(await self._together(begins))):
                break
            answers = [*answers, await self._asked(reader, page_of) or []]
        pages = [page for answer in answers for page in answer]
        records = await self._current(reach, answers[0][0].records, _newest([page.records for page in pages]))
        # What lies beyond the end of a page that goes on is not known yet, so the shortest one ends them all.
        ends = [page.next for page in pages if page.next is not None]
        records.sort(key=lambda record: (record.created_at, record.id), reverse=scan.order is Order.NEWEST)
        edge = None
        if ends:
            nearest = max if scan.order is Order.NEWEST else min
            edge = nearest(ends, key=lambda at: (at.created_at, at.id))
            records = [record for record in records if _within(record, edge, scan.order)]
        kept = records[: scan.limit]
        if len(kept) == len(records):
            return Page(tuple(kept), edge)
        return Page(tuple(kept), Position(kept[-1].created_at, kept[-1].id))

    async def nearest(self, reach: Reach, vector: bytes, where: Where, limit: int) -> Sequence[Hit]:
        return await self._search(reach, lambda inner: inner.nearest(reach, vector, where, limit), limit)

    async def matching(self, reach: Reach, words: Sequence[str], where: Where, limit: int) -> Sequence[Hit]:
        return await self._search(reach, lambda inner: inner.matching(reach, words, where, limit), limit)

    async def relevant(self, reach: Reach, question: str, where: Where, limit: int) -> Sequence[Hit]:
        return await self._search(reach, lambda inner: inner.relevant(reach, question, where, limit), limit)

    async def _around(self, _verb: Verb, call: Callable[[Any], Awaitable[Result]]) -> Result:
        return await call(self._inner)

    async def _search(
        self, reach: Reach, search: Callable[[Any], Awaitable[Sequence[Hit]]], limit: int
    ) -> Sequence[Hit]:
        answers = await self._together(search)
        for reader in self._afterwards:
            if not any(answers):
                answers = [*answers, await self._asked(reader, search) or []]
        known = _newest([[hit.record for hit in hits] for hits in answers])
        current = await self._current(reach, [hit.record for hit in answers[0]], known)
        records = {record.id: record for record in current}
        scores: dict[str, float] = {}
        for hits in answers:
            for rank, hit in enumerate(hits):
                id_, score = hit.record.id, 1.0 / (_K + rank + 1) if self._by_rank else hit.score
                scores[id_] = scores.get(id_, 0.0) + score if self._by_rank else max(scores.get(id_, score), score)
        merged = [Hit(records[id_], score) for id_, score in scores.items() if id_ in records]
        return heapq.nlargest(limit, merged, key=lambda hit: hit.score)

    async def _current(self, reach: Reach, own: Sequence[Record], merged: Sequence[Record]) -> list[Record]:
        """Without what the first one has in a newer version, which does not fit: changes go there alone."""
        there = {record.id for record in own}
        doubtful = [record.id for record in merged if record.id not in there]
        if not doubtful:
            return list(merged)
        newer = await self._inner.get(reach, doubtful)
        versions = {record.id: record.version for record in newer if record is not None}
        return [record for record in merged if versions.get(record.id, 0) <= record.version]

    async def _together(self, ask: Callable[[Any], Awaitable[Sequence[Result]]]) -> list[Sequence[Result]]:
        """The first one's answer, and those of the readers that are always asked, as far as they answer."""
        if not self._beside:
            return [await ask(self._inner)]
        others = asyncio.gather(*(self._asked(each, ask) for each in self._beside))
        try:
            answers: list[Sequence[Result]] = [await ask(self._inner)]
        except BaseException:
            others.cancel()
            await asyncio.gather(others, return_exceptions=True)
            raise
        return answers + [each for each in await others if each is not None]

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


def _holds(answers: Sequence[Sequence[Page]]) -> bool:
    return any(page.records or page.next is not None for answer in answers for page in answer)


def _within(record: Record, edge: Position, order: Order) -> bool:
    place, end = (record.created_at, record.id), (edge.created_at, edge.id)
    return place >= end if order is Order.NEWEST else place <= end
