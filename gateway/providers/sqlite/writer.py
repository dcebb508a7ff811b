"""The one thread that writes: it takes all writes that wait, commits them together, then answers each caller.

So a durable commit is shared by everyone who waits for one. An answer is given after the commit, never before. A write
that fails fails alone: the batch is rolled back and its writes are repeated one by one. Knows nothing of records.
"""

import asyncio
import contextlib
import queue
import sqlite3
import threading
import time
from collections.abc import Callable
from typing import Any, Final, TypeVar

from gateway.domain.errors import Unavailable
from gateway.providers.sqlite.batch import Batch
from gateway.providers.sqlite.faults import in_words
from gateway.providers.sqlite.schema import BUSY_MS
from gateway.providers.terms import Terms

Result = TypeVar("Result")

_TOGETHER: Final = 512  # writes that share a commit at most
_PAUSES: Final = (0.01, 0.05, 0.2, 0.5, 0.5, 0.0)  # before the log is tried again; all writes wait behind that
_WAITING: Final = 10_000  # writes that may wait; more are refused


def _EMPTY(_batch: Batch) -> None:  # noqa: N802 -- a mark, never called
    """What stands in the place of a write where the log is to be emptied."""


class _Job:
    __slots__ = ("future", "loop", "outcome", "work")

    def __init__(self, work: Callable[[Batch], Any], loop: asyncio.AbstractEventLoop) -> None:
        self.work = work
        self.loop = loop
        self.future: asyncio.Future[Any] = loop.create_future()
        self.outcome: Any = None


class _Failed:
    """An outcome that is an error."""

    __slots__ = ("error",)

    def __init__(self, error: Exception) -> None:
        self.error = error


class Writer:
    """Owns the connection from `start` to `close`."""

    def __init__(self, connection: sqlite3.Connection, name: str, waiting: int = _WAITING) -> None:
        self._connection = connection
        self._name = name
        self._waiting = waiting
        self._queue: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name=f"{name}-writer", daemon=True)
        self._closed = False
        self._door = threading.Lock()  # so that nothing enters behind the end mark

    def start(self) -> None:
        self._thread.start()

    async def write(self, work: Callable[[Batch], Result]) -> Result:
        """What `work` returned, after the commit. It may be called twice, and must change nothing but the batch."""
        return await self._waited(_Job(work, asyncio.get_running_loop()))

    async def _waited(self, job: _Job) -> Any:
        if self._queue.qsize() >= self._waiting:
            raise Unavailable(f"{self._name}: too many writes are waiting", code="write_queue_full")
        with self._door:
            if self._closed:
                raise Unavailable(f"{self._name} is closed", code="closed")
            self._queue.put(job)
        return await job.future

    async def emptied(self) -> bool:
        """Moves the log into the file and empties it, behind all writes that wait. False where readers did not let go."""
        return await self._waited(_Job(_EMPTY, asyncio.get_running_loop()))

    def close(self, before_last: Callable[[], None]) -> None:
        """Finish what waits, call `before_last`, move the log into the file and close the connection. Blocks."""
        with self._door:
            self._closed = True
            self._queue.put(None)
        self._thread.join()
        try:
            before_last()
            # Answers "busy" where other processes still read: then their closing does it.
            self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        finally:
            self._connection.close()

    def _run(self) -> None:
        terms = Terms()
        more = True
        while more:
            jobs: list[_Job] = []
            job = self._queue.get()
            with contextlib.suppress(queue.Empty):  # empty: nobody else waits, so commit what there is
                while job is not None:
                    jobs.append(job)
                    if len(jobs) == _TOGETHER:
                        break
                    job = self._queue.get_nowait()
            more = job is not None
            if jobs:
                writes = [each for each in jobs if each.work is not _EMPTY]
                if writes:
                    self._serve(writes, terms)
                for each in jobs:
                    if each.work is _EMPTY:
                        each.outcome = self._empty()
                _answer(jobs)

    def _empty(self) -> Any:
        try:
            self._connection.execute("PRAGMA busy_timeout = 0")
            try:
                for pause in _PAUSES:
                    if not self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]:
                        return True
                    time.sleep(pause)  # a reader that began before is still at it
            finally:
                self._connection.execute(f"PRAGMA busy_timeout = {BUSY_MS}")
        except sqlite3.Error as error:
            return _Failed(in_words(error, self._name))
        return False

    def _serve(self, jobs: list[_Job], terms: Terms) -> None:
        """Give each job its outcome. Raises nothing: an error is an outcome."""
        try:
            together = self._commit(jobs, terms)
        except Exception as error:  # noqa: BLE001 -- whatever it is, those who wait must hear of it
            for job in jobs:
                job.outcome = _Failed(in_words(error, self._name))
            return
        if not together:
            for job in jobs:
                try:
                    if not self._commit([job], terms):
                        raise Unavailable(f"{self._name}: the write failed", code="sqlite_failed")
                except Exception as error:  # noqa: BLE001 -- as above
                    job.outcome = _Failed(in_words(error, self._name))

    def _commit(self, jobs: list[_Job], terms: Terms) -> bool:
        """One transaction. False, with nothing changed, where one of several jobs failed."""
        run = self._connection.execute
        run("BEGIN IMMEDIATE")
        try:
            batch = Batch(self._connection, terms)
            try:
                for job in jobs:
                    job.outcome = job.work(batch)
            except Exception:
                if len(jobs) == 1:
                    raise
                return False
            batch.settle()
            run("COMMIT")
        finally:
            if self._connection.in_transaction:
                run("ROLLBACK")
        return True


def _answer(jobs: list[_Job]) -> None:
    """Wake each event loop once, whatever the number of its callers."""
    for loop in {job.loop for job in jobs}:
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(_deliver, [job for job in jobs if job.loop is loop])


def _deliver(jobs: list[_Job]) -> None:
    for job in jobs:
        if job.future.done():  # the caller went away
            continue
        if isinstance(job.outcome, _Failed):
            job.future.set_exception(job.outcome.error)
        else:
            job.future.set_result(job.outcome)
