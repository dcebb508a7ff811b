"""Both sides, read at once in the same order and held against each other, record by record and as sums of digests.

What does not match at first sight is looked up again on both sides before it is told, so that writes that go on
meanwhile, or a store that orders a little differently, make no differences. Tells ids and kinds, never contents.
"""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from datetime import datetime
from enum import StrEnum
from typing import Final

import msgspec

from gateway.domain.ports import Provider
from gateway.domain.record import Kind, Record
from gateway.services.moving.paging import paged, patiently
from gateway.services.moving.way import Vectors, Way, whole

_TOGETHER: Final = 500
_ROUND: Final = 2**256


class Sort(StrEnum):
    MISSING = "missing"  # in the source only
    EXTRA = "extra"  # in the target only
    DIFFERENT = "different"


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """`at` is when the record was written last, on either side."""

    sort: Sort
    kind: Kind
    id: str
    at: datetime


class Tally(msgspec.Struct, frozen=True):
    """`digest` is that of all records together, whatever their order."""

    records: int = 0
    digest: int = 0

    def and_(self, digest: int) -> "Tally":
        return Tally(self.records + 1, (self.digest + digest) % _ROUND)

    def short(self) -> str:
        return f"{self.digest:064x}"[:16]


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """The tallies by kind, of the kinds that are there."""

    tenant: str
    source: dict[Kind, Tally]
    target: dict[Kind, Tally]
    differences: tuple[Difference, ...]

    @property
    def same(self) -> bool:
        return not self.differences and self.source == self.target


class _Sums:
    def __init__(self) -> None:
        self.source: dict[Kind, Tally] = {}
        self.target: dict[Kind, Tally] = {}
        self.differences: list[Difference] = []

    def pair(self, ours: Record | None, theirs: Record | None, sent: int | None, arrived: int | None) -> None:
        """Counts both, with their digests, and notes whether they differ."""
        for side, record, one in ((self.source, ours, sent), (self.target, theirs, arrived)):
            if record is not None and one is not None:
                side[record.kind] = side.get(record.kind, Tally()).and_(one)
        if sent != arrived and (either := ours or theirs) is not None:
            sort = Sort.EXTRA if ours is None else Sort.MISSING if theirs is None else Sort.DIFFERENT
            at = max(each.updated_at for each in (ours, theirs) if each is not None)
            self.differences.append(Difference(sort=sort, kind=either.kind, id=either.id, at=at))


async def compared(way: Way, tenant: str) -> Comparison:
    """What each side has of a tenant, of the kinds that both can hold."""
    sums, doubtful, settled = _Sums(), list[str](), set[str]()

    def digests(ours: Record | None, theirs: Record | None) -> tuple[int | None, int | None]:
        sent = None if ours is None else way.sent(ours)
        return sent, None if theirs is None else way.arrived(theirs)

    async def settle() -> None:
        ids = [id_ for id_ in dict.fromkeys(doubtful) if id_ not in settled]
        settled.update(ids)
        doubtful.clear()
        if not ids:
            return
        ours = await patiently(lambda: way.source.get(whole(tenant), ids))
        theirs = await patiently(lambda: way.target.get(whole(tenant), ids))
        for one, other in zip(ours, theirs, strict=True):
            sums.pair(one, other, *digests(one, other))

    async with aclosing(_paired(way, tenant)) as pairs:
        async for ours, theirs in pairs:
            if ours is not None and theirs is not None:
                sent, arrived = digests(ours, theirs)
                if sent == arrived:
                    sums.pair(ours, theirs, sent, arrived)
                    continue
            doubtful.extend({each.id: None for each in (ours, theirs) if each is not None})
            if len(doubtful) >= _TOGETHER:
                await settle()
        await settle()
    return Comparison(tenant=tenant, source=sums.source, target=sums.target, differences=tuple(sums.differences))


async def _paired(way: Way, tenant: str) -> AsyncGenerator[tuple[Record | None, Record | None]]:
    """The records of both sides by their place in the order; None where one side has nothing there."""
    vectors = way.vectors is not Vectors.DROPPED
    async with (
        aclosing(_records(way.source, tenant, way.kinds, vectors=vectors)) as source,
        aclosing(_records(way.target, tenant, way.kinds, vectors=True)) as target,
    ):
        ours, theirs = await _next(source), await _next(target)
        while ours is not None or theirs is not None:
            if theirs is None or (ours is not None and _place(ours) < _place(theirs)):
                yield ours, None
                ours = await _next(source)
            elif ours is None or _place(theirs) < _place(ours):
                yield None, theirs
                theirs = await _next(target)
            else:
                yield ours, theirs
                ours, theirs = await _next(source), await _next(target)


async def _records(provider: Provider, tenant: str, kinds: frozenset[Kind], *, vectors: bool) -> AsyncGenerator[Record]:
    async with aclosing(paged(provider, tenant, kinds, vectors=vectors)) as pages:
        async for page in pages:
            for record in page.records:
                yield record


async def _next(records: AsyncIterator[Record]) -> Record | None:
    return await anext(records, None)


def _place(record: Record) -> tuple[datetime, str]:
    return record.created_at, record.id
