"""The jobs of a gateway, before and while some route needs them: an Outbox that costs nothing until then.

Started by the first configuration that has a chain with something to follow up, whether the gateway starts or reloads.
Once started, it runs until the gateway stops; where its store is, is settled at the start.
"""

import asyncio
import logging
import sqlite3
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

from gateway.chain.bare import Bare
from gateway.chain.barred import barred
from gateway.config.compiled import Config
from gateway.domain.erasure import Fences
from gateway.domain.errors import Misconfigured, Unavailable
from gateway.domain.ids import Clock
from gateway.domain.outbox import Intent
from gateway.domain.ports import Provider
from gateway.jobs.courier import Between, Undeclared
from gateway.jobs.job import Rules
from gateway.runtime.background import Listed, Sum
from gateway.runtime.chaining import needs_outbox
from gateway.runtime.instances import Instances
from gateway.runtime.snapshot import Snapshot

if TYPE_CHECKING:
    from gateway.config.model import Jobs as Options
    from gateway.jobs.running import Work
    from gateway.jobs.tables import Place

Result = TypeVar("Result")

GRACE_SECONDS: Final = 4.0  # for runs under way when the gateway stops; what they do not finish is made again
_START_SECONDS: Final = 60.0
_LOOK_SECONDS: Final = 0.1

_log = logging.getLogger("gateway.jobs")


class Jobs:
    """`serving` gives the Snapshot that serves now, and raises Unavailable while there is none."""

    def __init__(
        self, clock: Clock, instances: Instances, serving: Callable[[], Snapshot], fences: Fences | None = None
    ) -> None:
        self._clock = clock
        self._instances = instances
        self._serving = serving
        self._fences = fences
        self._work: Work | None = None
        self._options: Options | None = None
        self._turn = asyncio.Lock()

    async def prepare(self, config: Config) -> None:
        """Before this configuration serves. Misconfigured where it needs jobs and they cannot be kept."""
        async with self._turn:
            if self._work is not None:
                if config.jobs != self._options:
                    _log.warning("a change of `jobs` takes effect at the next start")
            elif needs_jobs(config):
                self._work = await self._started(config)
                self._options = config.jobs

    async def stop(self, grace: float = GRACE_SECONDS) -> None:
        async with self._turn:
            work, self._work = self._work, None
            if work is not None:
                await work.stop(grace)

    async def intend(self, intents: Sequence[Intent]) -> None:
        await self._needed().intend(intents)

    def settled(self, intents: Sequence[Intent], *, again: bool = False) -> None:
        if self._work is not None:
            self._work.settled(intents, again=again)

    async def gone(self, tenant: str, ids: Sequence[str]) -> Mapping[str, datetime]:
        return await self._needed().gone(tenant, ids)

    async def sums(self) -> Mapping[str, Sum]:
        """By state, of all workers together; nothing where there are no jobs here."""
        work = self._work
        return await _asked(work, work.tending.sums) if work is not None else {}

    async def listed(self, *, dead: bool) -> list[Listed]:
        work = self._work
        return await _asked(work, lambda: work.tending.listed(dead=dead)) if work is not None else []

    async def unconfirmed(self) -> int:
        return 0

    async def _started(self, config: Config) -> "Work":
        loop = asyncio.get_running_loop()

        def make() -> "Work":
            from gateway.jobs.running import Work

            written = config.jobs
            rules = Rules(concurrency=written.concurrency, attempts=written.attempts, horizon=written.horizon.seconds)
            return Work(place_of(config), rules, self._clock, self._lend, loop)

        try:
            work = await asyncio.to_thread(make)
        except Misconfigured:
            raise
        except Exception as error:
            _log.debug("the jobs did not start", exc_info=error)
            where = "jobs.url" if config.jobs.url else f"jobs.store {config.jobs.store}"
            raise Misconfigured(
                f"the jobs that mirrors and failovers need cannot be kept ({where}): {_why(error)}"
            ) from error
        work.start()
        _log.info("jobs are kept and delivered", extra={"store": "url" if config.jobs.url else config.jobs.store})
        return work

    def _needed(self) -> "Work":
        if self._work is None:
            raise Unavailable("nothing can be followed up here now", code="outbox_unavailable")
        return self._work

    @asynccontextmanager
    async def _lend(self, source: str, target: str) -> AsyncGenerator[Between]:
        """The providers of the Snapshot that serves, kept until this ends. The target gets no vectors it cannot keep."""
        with await self._snapshot() as snapshot:
            to = self._open(snapshot, target)
            if snapshot.config.providers[target].embedder is None:
                to = Bare(to).provider
            fences = self._fences
            yield Between(barred(self._open(snapshot, source), fences, silent=True), barred(to, fences, silent=True))

    async def _snapshot(self) -> Snapshot:
        """Jobs start before the first configuration serves, which may take a while."""
        until = asyncio.get_running_loop().time() + _START_SECONDS
        while True:
            try:
                return self._serving()
            except Unavailable:
                if asyncio.get_running_loop().time() > until:
                    raise
                await asyncio.sleep(_LOOK_SECONDS)

    def _open(self, snapshot: Snapshot, key: str) -> Provider:
        if key not in snapshot.config.providers:
            owner = key.partition("/")[0] if "/" in key else ""
            if owner in snapshot.locked:
                raise Unavailable(f"the configuration of tenant {owner!r} is broken", code="tenant_config_invalid")
            raise Undeclared(f"the provider {key!r} is no longer declared")
        for tenant in snapshot.tenants.values():
            use = tenant.uses.get(("provider", key))
            opened = self._instances.opened(use) if use is not None else None
            if opened is not None:
                return opened.instance
        if snapshot.locked:
            raise Unavailable(f"the provider {key!r} is not open for now", code="not_open")
        raise Undeclared(f"no route uses the provider {key!r} any more")


def needs_jobs(config: Config) -> bool:
    return any(needs_outbox(config.chains[route.chain]) for each in config.tenants.values() for route in each.routes)


def place_of(config: Config) -> "Place":
    from gateway.jobs.tables import Place

    if config.jobs.url is not None:
        return Place(None, config.jobs.url.reveal())
    return Place(Path(config.home, config.jobs.store))


async def _asked(work: "Work", call: Callable[[], Result]) -> Result:
    """What cannot be asked now is Unavailable."""
    try:
        return await work.threaded(call)
    except Exception as error:
        raise Unavailable(f"the jobs cannot be asked now: {type(error).__name__}", code="jobs_unavailable") from error


def _why(error: Exception) -> str:
    """A server's own words may name accounts; those of a file are needed to mend it."""
    inner = getattr(error, "orig", None) or error
    told = str(inner).split("\n")[0] if isinstance(inner, OSError | sqlite3.Error) else ""
    return f"{type(inner).__name__}: {told}" if told else type(inner).__name__
