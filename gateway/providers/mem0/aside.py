"""A thread with an event loop of its own, and threads under it: where mem0's library works.

Its coroutines do blocking work on the loop they run on, and hand the rest to that loop's default threads; the
gateway's loop must see neither. Knows nothing of mem0.
"""

import asyncio
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

Result = TypeVar("Result")


class Aside:
    """Work goes on when its caller goes away: a write is never cut in the middle."""

    def __init__(self, threads: int, name: str) -> None:
        self._loop = asyncio.new_event_loop()
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix=name)
        self._loop.set_default_executor(self._threads)
        self._thread = threading.Thread(target=self._loop.run_forever, name=name, daemon=True)
        self._under_way: set[asyncio.Future[Any]] = set()

    def start(self) -> None:
        self._thread.start()

    async def run(self, work: Callable[[], Coroutine[Any, Any, Result]], seconds: float) -> Result:
        """A coroutine, on the other loop. TimeoutError when it takes longer; it goes on then."""
        return await self._await(asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work(), self._loop)), seconds)

    async def call(self, work: Callable[[], Result], seconds: float) -> Result:
        """A function that blocks, in one of the threads."""
        return await self._await(asyncio.get_running_loop().run_in_executor(self._threads, work), seconds)

    async def _await(self, future: asyncio.Future[Result], seconds: float) -> Result:
        self._under_way.add(future)
        future.add_done_callback(self._done)
        async with asyncio.timeout(seconds):
            return await asyncio.shield(future)

    def _done(self, future: asyncio.Future[Any]) -> None:
        self._under_way.discard(future)
        if not future.cancelled():
            future.exception()  # somebody has looked at it, whether or not its caller is still there

    async def drain(self, seconds: float) -> None:
        """Let what is under way end, for so long."""
        if self._under_way:
            await asyncio.wait(self._under_way, timeout=seconds)

    async def close(self, seconds: float) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        await asyncio.to_thread(self._thread.join, seconds)
        self._threads.shutdown(wait=False, cancel_futures=True)
        if not self._thread.is_alive():
            self._loop.close()
