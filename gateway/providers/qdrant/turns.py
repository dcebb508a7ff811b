"""One writer at a time for each id, within this process: what was written is looked at before the next one writes.

Two holders of different ids never wait for each other, and nobody holds some ids while waiting for others.
"""

import asyncio
from collections.abc import AsyncGenerator, Iterable
from contextlib import asynccontextmanager


class Turns:
    def __init__(self) -> None:
        self._held: dict[str, asyncio.Event] = {}

    @asynccontextmanager
    async def of(self, ids: Iterable[str]) -> AsyncGenerator[None]:
        """Waits until all of the ids are free, and holds them."""
        wanted = dict.fromkeys(ids)
        while busy := next((self._held[id_] for id_ in wanted if id_ in self._held), None):
            await busy.wait()
        done = asyncio.Event()
        self._held.update(dict.fromkeys(wanted, done))
        try:
            yield
        finally:
            for id_ in wanted:
                del self._held[id_]
            done.set()
