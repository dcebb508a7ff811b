"""What is behind this link only ever holds sealed records: caches, mirrors, queues and archives copy them as they are.

Stands above all other links of a chain, and below the fence. Filters on what is sealed are evaluated here, before any
limit; what a backend can still evaluate is left to it. What was sealed with a shredded key is not found. Knows no route.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final

import msgspec

from gateway.chain.plan import Plan
from gateway.chain.through import Through, Verb
from gateway.chain.wrapping import Wrapping
from gateway.domain.filters import matches
from gateway.domain.ports import Capabilities, Hit, Page, Position, Provider, Scan, Where
from gateway.domain.record import Record
from gateway.domain.scope import Reach

_MOST: Final = 4_000  # hits asked of a backend before it is taken to have no more
_PAGES: Final = 50  # read for one answer, where a filter is evaluated here; the next ones follow on request

Search = Callable[[Where, int], Awaitable[Sequence[Hit]]]


def sealed_capabilities(inner: Capabilities, plan: Plan) -> Capabilities:
    """What is left of a chain's capabilities when it sees sealed records. What backends make themselves is not sealed."""
    sees, near = not plan.content, plan.vectors in ("plain", "keyed")
    return msgspec.structs.replace(
        inner,
        nearest=inner.nearest and near,
        matching=inner.matching and sees,
        fuses=inner.fuses and sees and near,
        relevant=inner.relevant and sees,
        briefs=inner.briefs and sees,
        extracts=False,
        counted=False,  # what is counted are sealed bytes
    )


class Sealed:
    """`provider` is what the route gets."""

    def __init__(self, inner: Provider, wrapping: Wrapping) -> None:
        self.provider: Provider = Through(self._around, self)
        self._inner: Any = inner
        self._wrapping = wrapping

    async def put(self, records: Sequence[Record]) -> Sequence[bool]:
        stored: Sequence[bool] = await self._inner.put(await self._wrapping.sealed(records))
        return stored

    async def replace(self, records: Sequence[Record], beside: Sequence[Record] = ()) -> Sequence[bool]:
        sealed = await self._wrapping.sealed([*records, *beside])
        stored: Sequence[bool] = await self._inner.replace(sealed[: len(records)], sealed[len(records) :])
        return stored

    async def get(self, reach: Reach, ids: Sequence[str]) -> Sequence[Record | None]:
        found: Sequence[Record | None] = await self._inner.get(reach, ids)
        there = [record for record in found if record is not None]
        opened = iter(await self._wrapping.opened(reach, there))
        return [None if record is None else next(opened) for record in found]

    async def scan(self, reach: Reach, scan: Scan) -> Page:
        test, kinds = scan.where.filter, scan.where.kinds
        pushed, exact = self._wrapping.plan.pushed(test, kinds, await self._wrapping.sealer(reach))
        asked = msgspec.structs.replace(scan, where=Where(kinds, pushed))
        kept: list[Record] = []
        for _ in range(_PAGES):
            page: Page = await self._inner.scan(reach, asked)
            opened = [each for each in await self._wrapping.opened(reach, page.records) if each is not None]
            kept += opened if exact else [each for each in opened if matches(test, each)]
            if len(kept) > scan.limit:
                last = kept[scan.limit - 1]
                return Page(tuple(kept[: scan.limit]), Position(last.created_at, last.id))
            if exact or page.next is None or len(kept) == scan.limit:
                return Page(tuple(kept), page.next)
            asked = msgspec.structs.replace(asked, after=page.next)
        return Page(tuple(kept), asked.after)

    async def nearest(self, reach: Reach, vector: bytes, where: Where, limit: int) -> Sequence[Hit]:
        turned = await self._wrapping.turned(reach.tenant, vector)
        return await self._searched(reach, where, limit, lambda w, n: self._inner.nearest(reach, turned, w, n))

    async def matching(self, reach: Reach, words: Sequence[str], where: Where, limit: int) -> Sequence[Hit]:
        return await self._searched(reach, where, limit, lambda w, n: self._inner.matching(reach, words, w, n))

    async def fused(self, reach: Reach, vector: bytes, words: Sequence[str], where: Where, limit: int) -> Sequence[Hit]:
        turned = await self._wrapping.turned(reach.tenant, vector)
        return await self._searched(reach, where, limit, lambda w, n: self._inner.fused(reach, turned, words, w, n))

    async def relevant(self, reach: Reach, question: str, where: Where, limit: int) -> Sequence[Hit]:
        return await self._searched(reach, where, limit, lambda w, n: self._inner.relevant(reach, question, w, n))

    async def revision(self, reach: Reach) -> bytes:
        """Differs too when keys were destroyed: what was kept of opened records is not to be used then."""
        inner: bytes = await self._inner.revision(reach)
        return inner + b"/" + await self._wrapping.revision(reach.tenant)

    async def _around(self, _verb: Verb, call: Callable[[Any], Awaitable[Any]], /) -> Any:
        return await call(self._inner)

    async def _searched(self, reach: Reach, where: Where, limit: int, search: Search) -> Sequence[Hit]:
        """Asks for more until enough passes what only can be tested here, or there is no more."""
        pushed, exact = self._wrapping.plan.pushed(where.filter, where.kinds, await self._wrapping.sealer(reach))
        asked = limit if exact else 4 * limit
        while True:
            hits = await search(Where(where.kinds, pushed), asked)
            opened = await self._wrapping.opened(reach, [hit.record for hit in hits])
            passed = [
                Hit(record, hit.score)
                for hit, record in zip(hits, opened, strict=True)
                if record is not None and (exact or matches(where.filter, record))
            ]
            if len(passed) >= limit or len(hits) < asked or asked >= _MOST:
                return passed[:limit]
            asked = min(4 * asked, _MOST)
