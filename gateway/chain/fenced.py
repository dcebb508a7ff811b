"""The outermost link of every chain: nothing outside the reach comes back, whatever the backend answers.

A backend that returns a row of another tenant, user or kind has a bug or was tampered with. The row is dropped and
counted, never shown; the rest of the answer stands. Knows nothing of requests or routes.
"""

from collections.abc import Callable, Iterable, Sequence
from contextlib import AsyncExitStack
from typing import Any, ClassVar, cast

import msgspec

from gateway.domain.ports import (
    Brief,
    Briefs,
    Capabilities,
    Extracts,
    Fused,
    Hit,
    Learned,
    Matching,
    Nearest,
    Page,
    Provider,
    Relevant,
    Replaces,
    Revised,
    Scan,
    Where,
)  # fmt: skip
from gateway.domain.record import Kind, Record
from gateway.domain.scope import Reach

__all__ = ["Fenced"]


class Options(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Has none: every chain is fenced."""


class Fenced:
    """Wraps any provider; has the capabilities of what it wraps. `on_breach` is told how many rows were dropped."""

    type_name: ClassVar[str] = "fenced"
    Options: ClassVar[type[Any]] = Options

    def __init__(self, inner: Provider, on_breach: Callable[[int], None]) -> None:
        self._inner = inner
        self._on_breach = on_breach

    @classmethod
    def capabilities(cls, options: Any) -> Capabilities:  # noqa: ARG003 - the port's signature
        raise TypeError("a fence has the capabilities of what it wraps")

    async def open(self, stack: AsyncExitStack) -> None:
        """Nothing of its own to open."""

    async def put(self, records: Sequence[Record]) -> Sequence[bool]:
        return await self._inner.put(records)

    async def replace(self, records: Sequence[Record], beside: Sequence[Record] = ()) -> Sequence[bool]:
        return await cast("Replaces", self._inner).replace(records, beside)

    async def get(self, reach: Reach, ids: Sequence[str]) -> Sequence[Record | None]:
        found = await self._inner.get(reach, ids)
        kept = [
            record if record is not None and record.id == id_ and reach.covers(record.scope) else None
            for id_, record in zip(ids, found, strict=True)
        ]
        self._count(sum(a is not b for a, b in zip(found, kept, strict=True)))
        return kept

    async def delete(self, reach: Reach, ids: Sequence[str]) -> int:
        return await self._inner.delete(reach, ids)

    async def scan(self, reach: Reach, scan: Scan) -> Page:
        page = await self._inner.scan(reach, scan)
        kept = tuple(self._inside(reach, scan.where.kinds, page.records))
        return page if len(kept) == len(page.records) else Page(kept, page.next)

    async def nearest(self, reach: Reach, vector: bytes, where: Where, limit: int) -> Sequence[Hit]:
        hits = await cast("Nearest", self._inner).nearest(reach, vector, where, limit)
        return self._hits(reach, where.kinds, hits)

    async def matching(self, reach: Reach, words: Sequence[str], where: Where, limit: int) -> Sequence[Hit]:
        hits = await cast("Matching", self._inner).matching(reach, words, where, limit)
        return self._hits(reach, where.kinds, hits)

    async def fused(self, reach: Reach, vector: bytes, words: Sequence[str], where: Where, limit: int) -> Sequence[Hit]:
        hits = await cast("Fused", self._inner).fused(reach, vector, words, where, limit)
        return self._hits(reach, where.kinds, hits)

    async def relevant(self, reach: Reach, question: str, where: Where, limit: int) -> Sequence[Hit]:
        hits = await cast("Relevant", self._inner).relevant(reach, question, where, limit)
        return self._hits(reach, where.kinds, hits)

    async def extract(self, records: Sequence[Record], *, wait: bool) -> Sequence[Learned]:
        return await cast("Extracts", self._inner).extract(records, wait=wait)

    async def brief(self, reach: Reach, question: str) -> Brief:
        return await cast("Briefs", self._inner).brief(reach, question)

    async def revision(self, reach: Reach) -> bytes:
        return await cast("Revised", self._inner).revision(reach)

    def _hits(self, reach: Reach, kinds: frozenset[Kind], hits: Sequence[Hit]) -> Sequence[Hit]:
        inside = {id(record) for record in self._inside(reach, kinds, [hit.record for hit in hits])}
        return [hit for hit in hits if id(hit.record) in inside]

    def _inside(self, reach: Reach, kinds: frozenset[Kind], records: Sequence[Record]) -> Iterable[Record]:
        kept = [record for record in records if record.kind in kinds and reach.covers(record.scope)]
        self._count(len(records) - len(kept))
        return kept

    def _count(self, dropped: int) -> None:
        if dropped:
            self._on_breach(dropped)
