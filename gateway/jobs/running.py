"""The jobs of one worker while they run: what is kept, who carries it, and what is looked after meanwhile.

Made in a thread, for it opens a database. From then on its coroutines belong to one event loop, and the runs that DBOS
starts in its threads wait for that loop. Imports DBOS: only what a configuration needs may import it.
"""

import asyncio
import concurrent.futures
import logging
import random
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Final, TypeVar

from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as NoConnection

from gateway.domain.ids import Clock
from gateway.domain.outbox import Intent
from gateway.jobs.courier import Courier, Lend
from gateway.jobs.engine import Engine
from gateway.jobs.job import Begun, Carried, Rules, wait_before
from gateway.jobs.keeping import Keeping
from gateway.jobs.store import Kept, Pair, Store, workflow_of
from gateway.jobs.tables import Place
from gateway.jobs.tending import BEAT_SECONDS, Tending

Result = TypeVar("Result")

_REMEMBERED: Final = 5_000  # for each pair; what is older is due by itself

_log = logging.getLogger("gateway.jobs")


class Stopping(Exception):
    """Ends a run without settling it."""


class Work:
    """An Outbox; `start` begins to deliver, `stop` ends it. Whatever is not settled then is settled later."""

    def __init__(self, place: Place, rules: Rules, clock: Clock, lend: Lend, loop: asyncio.AbstractEventLoop) -> None:
        place.make()
        self._rules = rules
        self._loop = loop
        self._running: dict[str, concurrent.futures.Future[Carried]] = {}
        self._stopping = False
        self._held: dict[Pair, tuple[str, float]] = {}
        self._turn = threading.Lock()  # around these two, which threads of DBOS change as well
        self._away: set[Pair] = set()
        self._left: dict[Pair, deque[tuple[float, Kept]]] = {}
        self._chore: asyncio.Task[None] | None = None
        self._store = Store(place, clock)
        try:
            self._store.make()
            self.tending = Tending(self._store)
            self._courier = Courier(lend, self)
            self.keeping = Keeping(self)
            self._threads = ThreadPoolExecutor(4, thread_name_prefix="jobs")
            self._engine = Engine(place, rules.concurrency, self._run, lambda: self.tending.sweep(rules.horizon))
        except BaseException:
            self._store.close()
            raise

    def start(self) -> None:
        self._chore = asyncio.create_task(self._tend(), name="jobs")

    async def intend(self, intents: Sequence[Intent]) -> None:
        await self.keeping.intend(intents)

    def settled(self, intents: Sequence[Intent], *, again: bool = False) -> None:
        self.keeping.settled(intents, again=again)

    async def gone(self, tenant: str, ids: Sequence[str]) -> Mapping[str, datetime]:
        """Always asked of the database: another worker may have written it a moment ago."""
        return await self.threaded(lambda: self._store.gone(tenant, ids)) if ids else {}

    async def threaded(self, call: Callable[[], Result]) -> Result:
        return await self._loop.run_in_executor(self._threads, call)

    async def stop(self, grace: float) -> None:
        """Nothing more is accepted; runs under way get `grace` seconds."""
        await self.keeping.close()
        self._stopping = True
        until = self._loop.time() + grace
        # Runs belong to threads of DBOS, which signal nothing: a look now and then.
        while self._running and self._loop.time() < until:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
        if self._running:
            _log.warning("deliveries are cut off, and will be made again", extra={"jobs": len(self._running)})
        for future in list(self._running.values()):
            future.cancel()
        if self._chore is not None:
            self._chore.cancel()
            await asyncio.gather(self._chore, return_exceptions=True)
        await self.threaded(self._close)
        self._threads.shutdown(wait=False)

    def _close(self) -> None:
        try:
            self.tending.leave(self._engine.worker)
        except OperationalError:
            _log.warning("the store of the jobs is away; others will notice that this worker has gone")
        self._engine.stop()
        self._store.close()

    def keep(self, intents: Sequence[Intent]) -> list[Kept]:
        """In the thread of the outbox."""
        now = self._store.now()
        held = {pair: job for pair, (job, until) in self._held.items() if until > now}
        kept = self._store.keep(intents, held, self._rules.held + self._rules.window)
        for each in kept:
            pair = (each.intent.source, each.intent.target)
            if held.get(pair) != each.job:
                self._held[pair] = (each.job, now + self._rules.window)
        return kept

    def release(self, kept: Sequence[Kept], again: Sequence[Kept]) -> None:
        """In the thread of the outbox. For what is away, fewer and larger jobs will do: it stays where it is kept, until
        that is due or a delivery to the same has gone well."""
        with self._turn:
            away = self._away.copy()
            once, twice = ([each for each in some if pair_of(each) not in away] for some in (kept, again))
            for each in kept:
                if pair_of(each) in away:
                    left = self._left.setdefault(pair_of(each), deque(maxlen=_REMEMBERED))
                    left.append((self._store.now(), each))
        self._store.release(once, twice)

    def _back(self, pair: Pair) -> None:
        """In a thread of DBOS: what was left while it was away, and is not due by itself meanwhile, is due now."""
        with self._turn:
            self._away.discard(pair)
            left = self._left.pop(pair, ())
        since = self._store.now() - self._rules.held / 2
        if due := [each for at, each in left if at > since]:
            self._store.release(due, [])
        self.tending.hasten(*pair)

    def is_away(self, error: Exception) -> bool:
        return isinstance(error, OperationalError | InterfaceError | NoConnection)

    def _run(self, job: str, run: int) -> None:
        """In a thread of DBOS. What ends it without its being settled is noticed by who tends the jobs."""
        begun = None if self._stopping else self._store.begin(job, run)
        if begun is None:
            if self._stopping:
                raise Stopping
            return
        future = asyncio.run_coroutine_threadsafe(self._courier.carry(begun), self._loop)
        self._running[workflow_of(job, run)] = future
        try:
            carried = future.result()
        except concurrent.futures.CancelledError:
            raise Stopping from None
        finally:
            self._running.pop(workflow_of(job, run), None)
        luck = random.random()  # noqa: S311 - for spreading, not for secrets
        seconds = None if carried.hopeless else wait_before(begun.attempts + 1, self._rules, luck)
        self._store.settle(begun, carried, seconds)
        self._learn(begun, carried, dead=seconds is None)

    def _learn(self, begun: Begun, carried: Carried, *, dead: bool) -> None:
        pair = (begun.source, begun.target)
        if not carried.reason:
            if begun.owed:
                self._back(pair)
            return
        if carried.away:
            with self._turn:
                self._away.add(pair)
        told = {"job": begun.id, "source": pair[0], "target": pair[1], "attempts": begun.attempts + 1}
        _log.log(
            logging.ERROR if dead else logging.WARNING,
            "a delivery is given up" if dead else "a delivery failed and will be made again",
            extra={**told, "left": len(begun.owed) - len(carried.done), "reason": carried.reason},
        )

    async def _tend(self) -> None:
        worker, first = self._engine.worker, True
        while True:
            try:
                await self.threaded(lambda: self.tending.beat(worker))
                if first:
                    await self.threaded(self.tending.recover)
                    first = False
                self.keeping.forget(self._rules.held + self._rules.window)
                rescued = await self.threaded(lambda: self.tending.rescue(worker, list(self._running)))
                if rescued:
                    _log.info("jobs are handed out again", extra={"jobs": rescued})
            except Exception as error:  # noqa: BLE001 - a store that is away now is looked at again
                _log.warning("the jobs cannot be looked after now", extra={"reason": type(error).__name__})
            await asyncio.sleep(BEAT_SECONDS)


def pair_of(kept: Kept) -> Pair:
    return kept.intent.source, kept.intent.target
