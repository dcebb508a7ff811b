"""A provider in whose calls a test may act: what happens between reading a page and the next."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, ClassVar

from gateway.domain.ports import Capabilities, Page, Provider, Scan
from gateway.domain.record import Record
from gateway.domain.scope import Reach

Act = Callable[[int], Awaitable[None]]


class Watched:
    """Calls `after_scan` with the number of the scan that was just read, `before_put` with that of the put to come."""

    type_name: ClassVar[str] = "watched"
    Options: ClassVar[type[Any]] = object

    def __init__(self, inner: Provider, after_scan: Act | None = None, before_put: Act | None = None) -> None:
        self._inner = inner
        self._after_scan = after_scan
        self._before_put = before_put
        self.scans: list[Scan] = []
        self.puts: list[Sequence[Record]] = []

    @classmethod
    def capabilities(cls, options: Any) -> Capabilities:
        raise NotImplementedError  # made by tests, never declared

    async def open(self, stack: Any) -> None:
        return

    async def put(self, records: Sequence[Record]) -> Sequence[bool]:
        self.puts.append(records)
        if self._before_put is not None:
            await self._before_put(len(self.puts))
        return await self._inner.put(records)

    async def get(self, reach: Reach, ids: Sequence[str]) -> Sequence[Record | None]:
        return await self._inner.get(reach, ids)

    async def delete(self, reach: Reach, ids: Sequence[str]) -> int:
        return await self._inner.delete(reach, ids)

    async def scan(self, reach: Reach, scan: Scan) -> Page:
        self.scans.append(scan)
        page = await self._inner.scan(reach, scan)
        if self._after_scan is not None:
            await self._after_scan(len(self.scans))
        return page
