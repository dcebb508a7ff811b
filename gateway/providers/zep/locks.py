"""Locks by name, for the writes of one process: made when they are wanted, forgotten when nobody holds or awaits them."""

import asyncio
from collections.abc import AsyncGenerator, Hashable, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, TypeAlias
from weakref import WeakValueDictionary

Key: TypeAlias = tuple[int, str, str]


class Locks:
    def __init__(self) -> None:
        self._held: WeakValueDictionary[Hashable, asyncio.Lock] = WeakValueDictionary()

    @asynccontextmanager
    async def held(self, keys: Iterable[Key]) -> AsyncGenerator[None]:
        """Hold all of them. Always taken in one order, so that no two callers wait for each other."""
        wanted: list[Any] = []
        for key in sorted(set(keys)):
            lock = self._held.get(key)
            if lock is None:
                lock = self._held[key] = asyncio.Lock()
            wanted.append(lock)
        async with AsyncExitStack() as stack:
            for lock in wanted:
                await stack.enter_async_context(lock)
            yield


def of_record(tenant: str, id_: str) -> Key:
    return (0, tenant, id_)


def of_session(scope: bytes) -> Key:
    """Comes after those of records: who holds some of those may still ask for this."""
    return (1, scope.hex(), "")
