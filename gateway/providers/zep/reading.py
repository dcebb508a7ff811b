"""Reads: by id, in order, and what Zep's search finds, as whole records of the reach and nothing else."""

import asyncio
import heapq
from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from itertools import chain
from typing import TYPE_CHECKING, Any, Final

from gateway.domain.ports import Hit, Order, Page, Position, Scan, Where
from gateway.domain.record import Kind, Record
from gateway.domain.scope import Reach
from gateway.providers.winnowing import lives, passes
from gateway.providers.zep.calls import PAGE, Calls, gathered
from gateway.providers.zep.facts import Facts
from gateway.providers.zep.faults import Gone
from gateway.providers.zep.known import Known
from gateway.providers.zep.ledger import Ledger, grouped
from gateway.providers.zep.options import ZepOptions
from gateway.providers.zep.owners import LEARNED, Owners, Shelf
from gateway.providers.zep.parts import Stored, writes_of

if TYPE_CHECKING:
    from zep_cloud import Episode

_FEW: Final = 200  # parts put together on the event loop
_LOOK: Final = 50  # asked of the search at least, where a filter may drop some


class Reading:
    def __init__(
        self, calls: Calls, owners: Owners, ledger: Ledger, facts: Facts | None, known: Known, options: ZepOptions
    ) -> None:
        self._calls = calls
        self._owners = owners
        self._ledger = ledger
        self._facts = facts
        self._known = known
        self._options = options

    async def get(self, reach: Reach, ids: Sequence[str], now: datetime) -> list[Record | None]:
        shelves = await self._owners.shelves(reach, learned=True, books=True)
        found: dict[str, Record] = {}
        for parts in await gathered(self._ledger.read(shelf, ids=ids) for shelf in shelves):
            for record in await _records(parts):
                if reach.covers(record.scope) and lives(record, now):
                    found[record.id] = record
                    self._known.note(record)
        if self._facts is not None:
            missing = [id_ for id_ in dict.fromkeys(ids) if id_ not in found]
            found |= {fact.id: fact for fact in await self._facts.named(reach, missing)}
        return [found.get(id_) for id_ in ids]

    async def scan(self, reach: Reach, scan: Scan, now: datetime) -> Page:
        kinds = scan.where.kinds
        shelves = await self._owners.shelves(reach, learned=bool(kinds & LEARNED), books=bool(kinds - LEARNED))
        exact = reach.exact()
        parts = await gathered(
            self._ledger.read(
                shelf,
                scope=None if exact is None else exact.key(),
                kinds=kinds & LEARNED if shelf.learned else kinds - LEARNED,
            )
            for shelf in shelves
        )
        facts: Sequence[Record] = ()
        if self._facts is not None and Kind.MEMORY in kinds:
            facts = await self._facts.listed(reach, [shelf for shelf in shelves if shelf.learned])
        if sum(map(len, parts)) <= _FEW:
            return _page(parts, facts, reach, scan, now)
        return await asyncio.to_thread(_page, parts, facts, reach, scan, now)

    async def relevant(self, reach: Reach, question: str, where: Where, limit: int, now: datetime) -> Sequence[Hit]:
        if not question.strip() or not where.kinds & LEARNED:
            return []
        shelves = await self._owners.shelves(reach, learned=True, books=False)
        found = await gathered(self._searched(shelf, reach, question, where, limit, now) for shelf in shelves)
        return sorted((hit for some in found for hit in some), key=lambda hit: -hit.score)[:limit]

    async def _searched(
        self, shelf: Shelf, reach: Reach, question: str, where: Where, limit: int, now: datetime
    ) -> Sequence[Hit]:
        if self._facts is not None:
            return await self._facts.searched(shelf, reach, question, where, limit, now)
        scores = await self._scores(shelf, reach, question, where.kinds & LEARNED, max(limit, _LOOK))
        # Only the version that counts may be shown, and whole: what was found may be a part of it, or an older one.
        records = await _records(await self._ledger.read(shelf, ids=list(scores)))
        return [Hit(record, scores[record.id]) for record in records if passes(record, reach, where, now)]

    async def _scores(
        self, shelf: Shelf, reach: Reach, question: str, kinds: Collection[Kind], limit: int
    ) -> dict[str, float]:
        from zep_cloud import EpisodeSearchFilters

        tests: list[tuple[str, str, Any]] = [("kind", "in", sorted(kinds))]
        exact = reach.exact()
        if exact is not None:
            tests.append(("scope", "eq", exact.key().hex()))
        filters = EpisodeSearchFilters(metadata_filters=grouped(tests))
        scores: dict[str, float] = {}
        try:
            pages = self._calls.pages(
                lambda zep: zep.graph.search_episodes(
                    shelf.uuid,
                    query=question,
                    page_size=min(limit, PAGE),
                    filters=filters,
                    reranker=self._options.reranker,
                )
            )
            async for page in pages:
                for episode in page:
                    id_ = str((episode.metadata or {}).get("record", ""))
                    scores[id_] = max(scores.get(id_, 0.0), score_of(episode))
                if len(scores) >= limit:
                    break
        except Gone:
            self._owners.forget(shelf)
        scores.pop("", None)
        return scores


def score_of(found: "Episode | Any") -> float:
    """Zep's relevance where it was asked for and given, else its rank's score; from 0 to 1."""
    score = found.relevance if found.relevance is not None else found.score
    return min(1.0, max(0.0, float(score or 0.0)))


async def _records(parts: Sequence[Stored]) -> list[Record]:
    if len(parts) <= _FEW:
        return _read(parts)
    return await asyncio.to_thread(_read, parts)


def _read(parts: Sequence[Stored]) -> list[Record]:
    return [write.record() for write in writes_of(parts).values()]


def _page(parts: Sequence[Sequence[Stored]], facts: Sequence[Record], reach: Reach, scan: Scan, now: datetime) -> Page:
    def follow() -> Iterator[Record]:
        for record in chain((write.record() for some in parts for write in writes_of(some).values()), facts):
            if _follows(record, scan) and passes(record, reach, scan.where, now):
                yield record

    # No more records live at once than are wanted: collecting thousands as garbage would hold every thread up.
    first = heapq.nlargest if scan.order is Order.NEWEST else heapq.nsmallest
    found = first(scan.limit + 1, follow(), key=lambda each: (each.created_at, each.id))
    if len(found) <= scan.limit:
        return Page(tuple(found))
    last = found[scan.limit - 1]
    return Page(tuple(found[: scan.limit]), Position(last.created_at, last.id))


def _follows(record: Record, scan: Scan) -> bool:
    if scan.after is None:
        return True
    here, after = (record.created_at, record.id), (scan.after.created_at, scan.after.id)
    return here < after if scan.order is Order.NEWEST else here > after
