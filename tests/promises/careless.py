"""A backend with the worst bug there is: it does not look at the reach, and answers with whatever it holds."""

from collections.abc import Sequence
from contextlib import AsyncExitStack
from typing import Any, ClassVar, cast

from gateway.domain.ports import (
    Capabilities,
    Hit,
    Matching,
    Nearest,
    Page,
    Position,
    Provider,
    Replaces,
    Revised,
    Scan,
    Where,
)  # fmt: skip
from gateway.domain.record import Record
from gateway.domain.scope import Reach


class Careless:
    """Over a sound provider; `tenants` are all that it holds."""

    type_name: ClassVar[str] = "careless"
    Options: ClassVar[type[Any]] = type(None)

    def __init__(self, inner: Provider, tenants: Sequence[str]) -> None:
        self._inner = inner
        self._all = [Reach(tenant, None, None, None, None) for tenant in tenants]

    @classmethod
    def capabilities(cls, options: Any) -> Capabilities:  # noqa: ARG003 - the port's signature
        raise TypeError("has the capabilities of what it wraps")

    async def open(self, stack: AsyncExitStack) -> None:
        """Nothing of its own to open."""

    async def put(self, records: Sequence[Record]) -> Sequence[bool]:
        return await self._inner.put(records)

    async def replace(self, records: Sequence[Record], beside: Sequence[Record] = ()) -> Sequence[bool]:
        return await cast("Replaces", self._inner).replace(records, beside)

    async def get(self, reach: Reach, ids: Sequence[str]) -> Sequence[Record | None]:
        answers = [await self._inner.get(each, ids) for each in self._all]
        return [next((each for each in column if each is not None), None) for column in zip(*answers, strict=True)]

    async def delete(self, reach: Reach, ids: Sequence[str]) -> int:
        return sum([await self._inner.delete(each, ids) for each in self._all])

    async def scan(self, reach: Reach, scan: Scan) -> Page:
        pages = [await self._inner.scan(each, scan) for each in self._all]
        records = sorted(
            (record for page in pages for record in page.records),
            key=lambda record: (record.created_at, record.id),
            reverse=scan.order == "newest",
        )
        kept = tuple(records[: scan.limit])
        if len(records) > scan.limit or any(page.next for page in pages):
            return Page(kept, Position(kept[-1].created_at, kept[-1].id))
        return Page(kept)

    async def nearest(self, reach: Reach, vector: bytes, where: Where, limit: int) -> Sequence[Hit]:
        inner = cast("Nearest", self._inner)
        return [hit for each in self._all for hit in await inner.nearest(each, vector, where, limit)]

    async def matching(self, reach: Reach, words: Sequence[str], where: Where, limit: int) -> Sequence[Hit]:
        inner = cast("Matching", self._inner)
        return [hit for each in self._all for hit in await inner.matching(each, words, where, limit)]

    async def revision(self, reach: Reach) -> bytes:
        inner = cast("Revised", self._inner)
        return b"".join([await inner.revision(each) for each in self._all])
