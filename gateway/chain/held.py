"""A link around what may be open only once: its place can be taken by another instance while calls go on.

Between closing the one and opening the other, new calls wait a moment and then fail; those under way are waited for.
Knows nothing of why or when that happens.
"""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, ClassVar, Final, cast

import msgspec

from gateway.domain.errors import Unavailable
from gateway.domain.ports import (
    Brief,
    Briefs,
    Capabilities,
    Count,
    Counted,
    Extracts,
    Hit,
    Learned,
    Matching,
    Nearest,
    Page,
    Pinged,
    Provider,
    Relevant,
    Revised,
    Scan,
    Sweeps,
    Where,
)  # fmt: skip
from gateway.domain.record import Kind, Record
from gateway.domain.scope import Reach

__all__ = ["Held"]

HOLD_SECONDS: Final = 2.0  # how long a call waits for the other instance


class Options(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Has none: whatever is exclusive is held."""


class Held:
    """Has the capabilities of what it wraps; without an instance every call is Unavailable."""

    type_name: ClassVar[str] = "held"
    Options: ClassVar[type[Any]] = Options

    def __init__(self, inner: Provider | None = None) -> None:
        self._inner = inner
        self._running = 0
        self._idle = asyncio.Event()
        self._free = asyncio.Event()
        self._idle.set()
        self._free.set()

    @classmethod
    def capabilities(cls, options: Any) -> Capabilities:  # noqa: ARG003 - the port's signature
        raise TypeError("what is held has the capabilities of what it wraps")

    async def open(self, stack: AsyncExitStack) -> None:
        """Nothing of its own to open."""

    async def hold(self, seconds: float) -> bool:
        """From here on new calls wait. Whether those under way have ended within `seconds`."""
        self._free.clear()
        try:
            async with asyncio.timeout(seconds):
                await self._idle.wait()
        except TimeoutError:
            return False
        return True

    def go_on(self, inner: Provider | None) -> None:
        """Calls go to `inner` from here on, those that wait first; None where there is nothing that could answer."""
        self._inner = inner
        self._free.set()

    async def put(self, records: Sequence[Record]) -> Sequence[bool]:
        async with self._call() as inner:
            return await inner.put(records)

    async def get(self, reach: Reach, ids: Sequence[str]) -> Sequence[Record | None]:
        async with self._call() as inner:
            return await inner.get(reach, ids)

    async def delete(self, reach: Reach, ids: Sequence[str]) -> int:
        async with self._call() as inner:
            return await inner.delete(reach, ids)

    async def scan(self, reach: Reach, scan: Scan) -> Page:
        async with self._call() as inner:
            return await inner.scan(reach, scan)

    async def nearest(self, reach: Reach, vector: bytes, where: Where, limit: int) -> Sequence[Hit]:
        async with self._call() as inner:
            return await cast("Nearest", inner).nearest(reach, vector, where, limit)

    async def matching(self, reach: Reach, words: Sequence[str], where: Where, limit: int) -> Sequence[Hit]:
        async with self._call() as inner:
            return await cast("Matching", inner).matching(reach, words, where, limit)

    async def relevant(self, reach: Reach, question: str, where: Where, limit: int) -> Sequence[Hit]:
        async with self._call() as inner:
            return await cast("Relevant", inner).relevant(reach, question, where, limit)

    async def extract(self, records: Sequence[Record], *, wait: bool) -> Sequence[Learned]:
        async with self._call() as inner:
            return await cast("Extracts", inner).extract(records, wait=wait)

    async def brief(self, reach: Reach, question: str) -> Brief:
        async with self._call() as inner:
            return await cast("Briefs", inner).brief(reach, question)

    async def ping(self) -> None:
        async with self._call() as inner:
            if isinstance(inner, Pinged):
                await inner.ping()

    async def revision(self, reach: Reach) -> bytes:
        async with self._call() as inner:
            return await cast("Revised", inner).revision(reach)

    async def sweep(self, limit: int) -> int:
        async with self._call() as inner:
            return await inner.sweep(limit) if isinstance(inner, Sweeps) else 0

    async def count(self) -> dict[Kind, Count]:
        async with self._call() as inner:
            if isinstance(inner, Counted):
                return await inner.count()
            raise Unavailable("this backend does not count", code="not_counted")

    @asynccontextmanager
    async def _call(self) -> AsyncGenerator[Provider]:
        if not self._free.is_set():
            try:
                async with asyncio.timeout(HOLD_SECONDS):
                    await self._free.wait()
            except TimeoutError:
                raise _away("is being replaced") from None
        if self._inner is None:
            raise _away("could not be opened again")
        self._running += 1
        self._idle.clear()
        try:
            yield self._inner
        finally:
            self._running -= 1
            if not self._running:
                self._idle.set()


def _away(why: str) -> Unavailable:
    return Unavailable(f"the backend of this route {why}", code="handed_over", headers={"Retry-After": "1"})
