"""Who reads where: short reads on the event loop's own connection, long ones on threads with theirs.

A short read has a time it may take; past it SQLite stops, and the read is done again on a thread. So no read holds
the loop for longer, and most cost no change of thread.
"""

import asyncio
import queue
import sqlite3
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

from gateway.providers.sqlite.faults import in_words, primary_code
from gateway.providers.sqlite.reading import Reading

Result = TypeVar("Result")

THREADS: Final = 2
_SECONDS: Final = 0.002
_STEPS: Final = 2_000  # of SQLite's machine between two looks at the clock
_AGAIN: Final = (sqlite3.SQLITE_INTERRUPT, sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


class Readers:
    """Owns its connections until `close`."""

    def __init__(self, inline: Reading, others: list[Reading], name: str) -> None:
        self._name = name
        self._inline = inline
        self._until = 0.0
        inline.connection.set_progress_handler(self._too_long, _STEPS)
        self._others = others
        self._idle: queue.SimpleQueue[Reading] = queue.SimpleQueue()
        for each in others:
            self._idle.put(each)
        self._threads = ThreadPoolExecutor(len(others), thread_name_prefix=f"{name}-reader")

    async def short(self, work: Callable[[Reading], Result]) -> Result:
        """Here and now; on a thread where it takes too long or finds the file locked."""
        self._until = time.perf_counter() + _SECONDS
        try:
            return work(self._inline)
        except sqlite3.Error as error:
            if primary_code(error) not in _AGAIN:
                raise in_words(error, self._name) from error
        return await self.long(work)

    async def long(self, work: Callable[[Reading], Result]) -> Result:
        """On a thread."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._run, work)

    def close(self) -> None:
        """Blocks until running reads end."""
        self._threads.shutdown(wait=True, cancel_futures=True)
        for each in (self._inline, *self._others):
            each.connection.close()

    def _run(self, work: Callable[[Reading], Result]) -> Result:
        reading = self._idle.get()
        try:
            return work(reading)
        except Exception as error:
            wrong = in_words(error, self._name)
            if wrong is error:
                raise
            raise wrong from error
        finally:
            self._idle.put(reading)

    def _too_long(self) -> bool:
        return time.perf_counter() > self._until
