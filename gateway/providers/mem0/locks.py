"""Turns of those who change the same records, where the backend itself has no conditional write."""

import asyncio
from collections.abc import AsyncGenerator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Final

_STRIPES: Final = 64


class Turns:
    """Of two who name the same key, the second waits. Keys share locks, which are taken in one order: no deadlock."""

    def __init__(self) -> None:
        self._locks = [asyncio.Lock() for _ in range(_STRIPES)]

    @asynccontextmanager
    async def of(self, keys: Iterable[tuple[str, str]]) -> AsyncGenerator[None]:
        async with AsyncExitStack() as held:
            for number in sorted({hash(key) % _STRIPES for key in keys}):
                await held.enter_async_context(self._locks[number])
            yield
