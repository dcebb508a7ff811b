"""From changed files to a new generation: read, check, build, commit. Whatever fails before the commit changes nothing.

The same bytes are never applied twice, and bytes that were refused are not tried again until they change or somebody
asks. One attempt at a time; whatever ends it, the next one starts afresh.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from itertools import chain
from pathlib import Path
from typing import Final, Literal

import msgspec

from gateway.config.compiled import Compiled, Config
from gateway.domain.errors import Misconfigured
from gateway.runtime.background import Background
from gateway.runtime.build import Built, build
from gateway.runtime.disk import Disk
from gateway.runtime.failures import about
from gateway.runtime.generations import Generations, News, nothing_healed
from gateway.runtime.judging import (
    Asked,
    Objection,
    Refused,
    Unexpected,
    check_blame,
    check_removals,
    checked,
    outcome_of,
    would_serve,
)
from gateway.runtime.ledger import Ledger
from gateway.runtime.reports import Outcome, Stage, Status
from gateway.runtime.running import Running
from gateway.runtime.snapshot import Snapshot
from gateway.runtime.telling import tell_reload

BUILD_SECONDS: Final = 120.0
Keep = Callable[[Compiled], object]

_log = logging.getLogger("gateway.reload")


class Reloader:
    """`keep` stores the files of what serves, as they were read. It may take its time: it runs in a thread."""

    def __init__(
        self, running: Running, disk: Disk, objection: Objection, keep: Keep, background: Background | None = None
    ) -> None:
        self._background = background
        self._running = running
        self._disk = disk
        self._objection = objection
        self._keep = keep
        self._turn = asyncio.Lock()
        self._ended = False
        self._stage = Stage.IDLE
        self._news = News()
        self.generations = Generations(running.means.clock())
        self.ledger = Ledger(running.means.clock, running.means.meters)

    async def start(self, good: Compiled | None = None) -> Outcome:
        """The first generation. Misconfigured where there is none to be had. `good` is served in place of the files."""
        outcome = await self._attempt("start", good)
        if not outcome.ok:
            raise Misconfigured("\n".join(outcome.reasons))
        return outcome

    async def reload(self, cause: str, asked: Asked | None = None) -> Outcome:
        """Brings what is served in line with the files. Somebody who asks gets files that were refused tried again;
        what was only noticed does not.
        """
        return await self._attempt(cause, asked=asked)

    async def rollback(self, digest: str) -> Outcome:
        """Serves an earlier configuration again, as a new generation, until the files change."""
        found = self.generations.find(digest)
        if found is None:
            known = ", ".join(str(past.generation) for past in self.generations.history())
            return self._not_done("rollback", Stage.READ, f"that generation is not kept here; kept are {known}")
        return await self._attempt("rollback", found, Asked(insist=True))

    async def look(self) -> Compiled:
        """The files as they are now. Refused where they cannot be read; changes nothing."""
        async with self._turn:
            return await self._on_disk(None)

    async def end(self) -> None:
        """No attempt is under way afterwards, and none begins."""
        self._ended = True
        async with self._turn:
            return

    @property
    def healing(self) -> bool:
        """Whether trying again without any change of the files could help: a backend was away."""
        return bool(self.generations.failed)

    @property
    def served(self) -> Compiled | None:
        """What was read of the configuration that serves."""
        return self.generations.served

    def files(self) -> tuple[Path, ...]:
        """Those that were read last, and those that serve: both may come back after they went."""
        known = [each.files for each in (self._disk.last, self.generations.served) if each is not None]
        return tuple(dict.fromkeys(chain.from_iterable(known)))

    def status(self) -> Status:
        read, states = self._disk.last, [unit.state for unit in self.generations.units()]
        return Status(
            generation=self.generations.number,
            digest=self.generations.digest,
            applied_at=self.generations.applied_at,
            stage=self._stage,
            last=self.ledger.last,
            disk_digest=read.digest if read is not None else "",
            disk_valid=read is not None and would_serve(read, self._objection),
            held=bool(self._news.held),
            generations_alive=self._running.alive,
            tenants={state: states.count(state) for state in ("ready", "stale", "locked")},
        )

    async def _attempt(self, cause: str, given: Compiled | None = None, asked: Asked | None = None) -> Outcome:
        """Never raises, whatever a file or a plugin does; what ends it is in the outcome."""
        wish = asked if asked is not None else Asked()
        async with self._turn:
            if self._ended:
                return self._not_done(cause, Stage.IDLE, "this gateway is stopping")
            started, silent = time.perf_counter(), wish.dry_run
            try:
                outcome = await self._outcome(cause, given, wish, news_only=asked is None)
            except Refused as refused:
                if refused.lasting and given is None and not wish.dry_run:
                    self._news.refused = self._disk.last.digest if self._disk.last is not None else ""
                silent = silent or isinstance(refused, Unexpected)
                outcome = self._not_done(cause, refused.stage, *refused.reasons)
            except Exception as error:  # noqa: BLE001 - whatever it is, it is not the end of reloading
                _log.error("an attempt to reload failed unexpectedly", extra=about(error))
                outcome = self._not_done(cause, self._stage, f"unexpected failure: {type(error).__name__}, see the log")
            finally:
                self._stage = Stage.IDLE
            outcome = msgspec.structs.replace(outcome, seconds=round(time.perf_counter() - started, 4))
            if not silent:
                self.ledger.enter(outcome)
                if self.generations.served is not None and outcome.result != "unchanged":
                    await tell_reload(self._running.snapshot, outcome, self._running.means.clock())
            return outcome

    async def _outcome(self, cause: str, given: Compiled | None, asked: Asked, *, news_only: bool) -> Outcome:
        disk = await self._on_disk(given)
        read = given if given is not None else disk
        if asked.expect and read.digest != asked.expect:
            raise Unexpected(Stage.READ, f"the files have the digest {read.digest}, not the expected {asked.expect}")
        if given is None and not asked.insist and not self._worth(read, news_only=news_only):
            return self._unchanged(cause, read)
        self._stage = Stage.CHECK
        config = checked(read, self._objection)
        before = self._running.snapshot if self.generations.served is not None else None
        if not asked.insist:
            check_removals(read, config, before)
            check_blame(read, self.generations.served, before)
        stale = sorted(read.broken & before.tenants.keys()) if before is not None else []
        self._stage = Stage.BUILD
        if not asked.dry_run:
            await self._prepared(config)
        built = await self._built(read, config, before, stale, rehearsal=asked.dry_run)
        async with AsyncExitStack() as in_vain:
            in_vain.push_async_callback(built.snapshot.close)
            if asked.dry_run:
                return outcome_of("checked", cause, read, built, before)
            if before is None and built.failed and not built.snapshot.tenants:
                raise Refused(Stage.BUILD, *built.failed.values())
            if nothing_healed(self.generations, read, built) and given is None and not asked.insist:
                return self._unchanged(cause, read)
            self._stage = Stage.COMMIT
            await self._running.room()
            self._running.commit(built.snapshot, config.reload.drain.seconds)
            in_vain.pop_all()
        self.generations.enter(cause, read, config, built, self._running.means.clock())
        self._news.forget()
        if given is not None and before is not None:
            self._news.held = disk.digest if disk.digest != read.digest else ""
        if given is None:
            await self._kept(read)
        return outcome_of("applied", cause, read, built, before)

    async def _on_disk(self, given: Compiled | None) -> Compiled:
        """The files as they are. Where something else is given to serve, it does not matter what is wrong with them."""
        self._stage = Stage.READ
        try:
            return await self._disk.settled(self.generations.digest)
        except Refused:
            if given is None:
                raise
            return self._disk.last if self._disk.last is not None else given

    def _worth(self, read: Compiled, *, news_only: bool) -> bool:
        """Whether to go on with what was read."""
        if self.generations.served is not None and read.digest == self.generations.digest:
            self._news.forget()
            self.ledger.settle(self._unchanged("reverted", read))
            return self.healing
        return self._news.worth(read.digest, news_only=news_only)

    async def _prepared(self, config: Config) -> None:
        if self._background is None:
            return
        try:
            await self._background.prepare(config)
        except Misconfigured as error:
            raise Refused(Stage.BUILD, error.detail) from error

    def _unchanged(self, cause: str, read: Compiled) -> Outcome:
        return self._told("unchanged", cause, Stage.READ, read)

    def _not_done(self, cause: str, stage: Stage, *reasons: str) -> Outcome:
        return self._told("rejected", cause, stage, self._disk.last, reasons)

    def _told(
        self,
        result: Literal["unchanged", "rejected"],
        cause: str,
        stage: Stage,
        read: Compiled | None,
        reasons: tuple[str, ...] = (),
    ) -> Outcome:
        digest, number = read.digest if read is not None else "", self.generations.number
        return Outcome(result=result, stage=stage, cause=cause, digest=digest, generation=number, reasons=reasons)

    async def _built(
        self, read: Compiled, config: Config, before: Snapshot | None, stale: list[str], *, rehearsal: bool
    ) -> Built:
        try:
            async with asyncio.timeout(BUILD_SECONDS):
                means = self._running.means
                number = self.generations.number + 1
                return await build(config, means, number, before, stale, read.locked, rehearsal=rehearsal)
        except TimeoutError:
            raise Refused(Stage.BUILD, f"was not built within {BUILD_SECONDS:g} seconds") from None

    async def _kept(self, read: Compiled) -> None:
        try:
            await asyncio.to_thread(self._keep, read)
        except OSError as error:
            _log.exception("the last good configuration could not be kept")
            self.ledger.note("last good not kept", error.strerror or str(error))
