"""From changed files to a new generation: read, check, build, commit. Whatever fails before the commit changes nothing.

The same bytes are never applied twice, and bytes that were refused are not tried again until they change or somebody
asks. One attempt at a time; whatever ends it, the next one starts afresh.
"""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Final

import msgspec

from gateway.config.compiled import Compiled, Config
from gateway.domain.errors import Misconfigured
from gateway.runtime.background import Background
from gateway.runtime.build import Built, build
from gateway.runtime.disk import Disk
from gateway.runtime.failures import about
from gateway.runtime.judging import (
    TOLD,
    Asked,
    Refused,
    Unexpected,
    check_blame,
    check_removals,
    errors,
    outcome_of,
)
from gateway.runtime.ledger import Ledger
from gateway.runtime.reports import Outcome, Past, Stage, Status, Unit
from gateway.runtime.running import Running
from gateway.runtime.snapshot import Snapshot
from gateway.runtime.telling import tell_reload
from gateway.runtime.units import told_apart

BUILD_SECONDS: Final = 120.0

Keep = Callable[[Compiled], object]

_log = logging.getLogger("gateway.reload")


class Reloader:
    """`keep` stores the files of what serves, as they were read. It may take its time: it runs in a thread."""

    def __init__(
        self,
        running: Running,
        disk: Disk,
        objection: Callable[[Config], str | None],
        keep: Keep,
        background: Background | None = None,
    ) -> None:
        """`objection` is why a valid configuration must not be served here, if so."""
        self._background = background
        self._running = running
        self._disk = disk
        self._objection = objection
        self._keep = keep
        self._turn = asyncio.Lock()
        self._ended = False
        self._stage = Stage.IDLE
        self._served: Compiled | None = None
        self._refused_digest = ""
        self._held_digest = ""
        self._generation = 0
        self._applied_at = running.means.clock()
        self._past: deque[tuple[Past, Compiled]] = deque(maxlen=100)
        self._units: dict[str, Unit] = {}
        self._failed: Mapping[str, str] = {}
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
        found = next((each for past, each in reversed(self._past) if past.digest == digest), None)
        if found is None:
            known = ", ".join(str(past.generation) for past, _ in self._past)
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
        return bool(self._failed)

    @property
    def served(self) -> Compiled | None:
        """What was read of the configuration that serves."""
        return self._served

    def files(self) -> tuple[Path, ...]:
        """Those that were read last, and those that serve: both may come back after they went."""
        read, served = self._disk.last, self._served
        if read is None or served is None or read.files == served.files:
            known = read or served
            return known.files if known is not None else ()
        return tuple(dict.fromkeys([*read.files, *served.files]))

    def units(self) -> list[Unit]:
        return sorted(self._units.values(), key=lambda unit: unit.name)

    def history(self) -> list[Past]:
        return [past for past, _ in self._past]

    def status(self) -> Status:
        read, states = self._disk.last, [unit.state for unit in self._units.values()]
        return Status(
            generation=self._generation,
            digest=self._served.digest if self._served is not None else "",
            applied_at=self._applied_at,
            stage=self._stage,
            last=self.ledger.last,
            disk_digest=read.digest if read is not None else "",
            disk_valid=read is not None and self._would_serve(read),
            held=bool(self._held_digest),
            generations_alive=self._running.alive,
            tenants={state: states.count(state) for state in ("ready", "stale", "locked")},
        )

    async def _attempt(
        self,
        cause: str,
        given: Compiled | None = None,
        asked: Asked | None = None,
    ) -> Outcome:
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
                    self._refused_digest = self._disk.last.digest if self._disk.last is not None else ""
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
                if self._served is not None and outcome.result != "unchanged":
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
        config = self._checked(read)
        before = self._running.snapshot if self._served is not None else None
        if not asked.insist:
            check_removals(read, config, before)
            check_blame(read, self._served, before)
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
            if self._nothing_healed(read, built) and given is None and not asked.insist:
                return self._unchanged(cause, read)
            self._stage = Stage.COMMIT
            self._running.commit(built.snapshot, config.reload.drain.seconds)
            in_vain.pop_all()
        self._after_commit(cause, read, config, built)
        if given is not None and before is not None:
            self._held_digest = disk.digest if disk.digest != read.digest else ""
        if given is None:
            await self._kept(read)
        return outcome_of("applied", cause, read, built, before)

    async def _on_disk(self, given: Compiled | None) -> Compiled:
        """The files as they are. Where something else is given to serve, it does not matter what is wrong with them."""
        self._stage = Stage.READ
        try:
            return await self._disk.settled(self._served.digest if self._served is not None else "")
        except Refused:
            if given is None:
                raise
            return self._disk.last if self._disk.last is not None else given

    def _worth(self, read: Compiled, *, news_only: bool) -> bool:
        """Whether these bytes are news: not what is served, not what was refused, not what a rollback holds back."""
        if self._served is not None and read.digest == self._served.digest:
            self._refused_digest = self._held_digest = ""
            self.ledger.settle(self._unchanged("reverted", read))
            return self.healing
        if read.digest == self._held_digest:
            return False
        return not news_only or read.digest != self._refused_digest

    def _nothing_healed(self, read: Compiled, built: Built) -> bool:
        """Whether the same files came to the same again: backends that were away still are."""
        same = self._served is not None and read.digest == self._served.digest
        return same and bool(built.failed) and not built.changed and built.failed.keys() == self._failed.keys()

    def _would_serve(self, read: Compiled) -> bool:
        """As far as can be told without opening anything."""
        config = read.config
        return config is not None and bool(config.tenants) and self._objection(config) is None

    def _checked(self, read: Compiled) -> Config:
        """The configuration, or Refused with what is wrong with the gateway's own file."""
        if read.config is None:
            wrong = errors(read)
            more = [f"and {len(wrong) - TOLD} more"] if len(wrong) > TOLD else []
            raise Refused(Stage.CHECK, *wrong[:TOLD], *more, lasting=True)
        objection = self._objection(read.config)
        if objection is not None:
            raise Refused(Stage.CHECK, objection, lasting=True)
        return read.config

    async def _prepared(self, config: Config) -> None:
        if self._background is None:
            return
        try:
            await self._background.prepare(config)
        except Misconfigured as error:
            raise Refused(Stage.BUILD, error.detail) from error

    def _unchanged(self, cause: str, read: Compiled) -> Outcome:
        return Outcome(
            result="unchanged", stage=Stage.READ, cause=cause, digest=read.digest, generation=self._generation
        )

    def _not_done(self, cause: str, stage: Stage, *reasons: str) -> Outcome:
        digest = self._disk.last.digest if self._disk.last is not None else ""
        return Outcome(
            result="rejected", stage=stage, cause=cause, digest=digest, generation=self._generation, reasons=reasons
        )

    async def _built(
        self, read: Compiled, config: Config, before: Snapshot | None, stale: list[str], *, rehearsal: bool
    ) -> Built:
        try:
            async with asyncio.timeout(BUILD_SECONDS):
                means = self._running.means
                number = self._generation + 1
                return await build(config, means, number, before, stale, read.locked, rehearsal=rehearsal)
        except TimeoutError:
            raise Refused(Stage.BUILD, f"was not built within {BUILD_SECONDS:g} seconds") from None

    def _after_commit(self, cause: str, read: Compiled, config: Config, built: Built) -> None:
        now = self._running.means.clock()
        self._generation = built.snapshot.generation
        self._served, self._applied_at = read, now
        self._refused_digest = self._held_digest = ""
        self._failed = built.failed
        self._units = told_apart(self._units, read, built, now)
        past = Past(generation=self._generation, digest=read.digest, at=now, cause=cause)
        self._past.append((past, read))
        while len(self._past) > config.reload.history + 1:
            self._past.popleft()

    async def _kept(self, read: Compiled) -> None:
        try:
            await asyncio.to_thread(self._keep, read)
        except OSError as error:
            _log.exception("the last good configuration could not be kept")
            why = error.strerror or str(error)
            self.ledger.note("last good not kept", why)
