"""From changed files to a new generation: read, check, build, commit. Whatever fails before the commit changes nothing.

Reads until two readings agree, so a file that is half written is waited for. The same bytes are never applied twice,
and bytes that were refused are not tried again until they change or somebody insists. One attempt at a time.
"""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final, Literal

import msgspec

from gateway.config.compiled import Compiled, Config
from gateway.config.diagnostics import Severity
from gateway.domain.errors import Misconfigured
from gateway.runtime.build import Built, build
from gateway.runtime.reports import Event, Outcome, Past, Stage, Status, Unit
from gateway.runtime.running import Running
from gateway.runtime.snapshot import Snapshot
from gateway.runtime.units import told_apart

SETTLE_SECONDS: Final = 0.05
READINGS: Final = 40
BUILD_SECONDS: Final = 120.0
EVENTS: Final = 200
_TOLD: Final = 20  # problems that an outcome quotes

Compile = Callable[[Compiled | None], Compiled]

_log = logging.getLogger("gateway.reload")


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody who asks for a reload wants of it.

    `expect`: files of any other digest are refused. `dry_run`: say what would happen, and do not do it. `insist`: also
    what a rollback holds back, and however many tenants go.
    """

    expect: str = ""
    dry_run: bool = False
    insist: bool = False


class Refused(Exception):
    """Ends an attempt before its commit."""

    def __init__(self, stage: Stage, *reasons: str) -> None:
        super().__init__(*reasons)
        self.stage = stage
        self.reasons = reasons


class Reloader:
    """`compile_` reads the files, given what it said the time before, and may take its time: it runs in a thread."""

    def __init__(
        self,
        running: Running,
        compile_: Compile,
        objection: Callable[[Config], str | None],
        committed: Callable[[Compiled], None],
    ) -> None:
        """`objection` is why a valid configuration must not be served here, if so; `committed` is told of each that is."""
        self._running = running
        self._compile = compile_
        self._objection = objection
        self._committed = committed
        self._turn = asyncio.Lock()
        self._stage = Stage.IDLE
        self._read: Compiled | None = None  # the last reading
        self._served: Compiled | None = None
        self._refused_digest = ""
        self._held_digest = ""
        self._generation = 0
        self._applied_at = running.means.clock()
        self._past: deque[tuple[Past, Compiled]] = deque(maxlen=100)
        self._units: dict[str, Unit] = {}
        self._failed: Mapping[str, str] = {}
        self.attempts: dict[tuple[str, str], int] = {}  # by result and the stage they ended in
        self.events: deque[Event] = deque(maxlen=EVENTS)
        self._last = Outcome(result="unchanged", stage=Stage.IDLE, cause="start", digest="", generation=0)

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

    async def rollback(self, generation: int) -> Outcome:
        """Serves an earlier generation's configuration again, as a new generation, until the files change."""
        found = next((each for past, each in self._past if past.generation == generation), None)
        if found is None:
            known = ", ".join(str(past.generation) for past, _ in self._past)
            reason = f"generation {generation} is not kept; kept are {known}"
            return Outcome(
                result="rejected",
                stage=Stage.READ,
                cause="rollback",
                digest="",
                generation=self._generation,
                reasons=(reason,),
            )
        outcome = await self._attempt(f"rollback to {generation}", found, Asked(insist=True))
        if outcome.ok and self._read is not None:
            self._held_digest = self._read.digest
        return outcome

    @property
    def healing(self) -> bool:
        """Whether trying again without any change of the files could help: a backend was away."""
        return bool(self._failed)

    def files(self) -> tuple[Path, ...]:
        """Those that were read last."""
        return self._read.files if self._read is not None else ()

    def units(self) -> list[Unit]:
        return sorted(self._units.values(), key=lambda unit: unit.name)

    def history(self) -> list[Past]:
        return [past for past, _ in self._past]

    def status(self) -> Status:
        read, states = self._read, [unit.state for unit in self._units.values()]
        return Status(
            generation=self._generation,
            digest=self._served.digest if self._served is not None else "",
            applied_at=self._applied_at,
            stage=self._stage,
            last=self._last,
            disk_digest=read.digest if read is not None else "",
            disk_valid=read is not None and read.config is not None,
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
        wish = asked if asked is not None else Asked()
        async with self._turn:
            started = time.perf_counter()
            try:
                outcome = await self._outcome(cause, given, wish, news_only=asked is None)
            except Refused as refused:
                digest = self._read.digest if self._read is not None else ""
                self._refused_digest = "" if given is not None or wish.dry_run else digest
                outcome = Outcome(
                    result="rejected",
                    stage=refused.stage,
                    cause=cause,
                    digest=digest,
                    generation=self._generation,
                    reasons=refused.reasons,
                )
            finally:
                self._stage = Stage.IDLE
            return self._told(outcome, time.perf_counter() - started, dry_run=wish.dry_run)

    async def _outcome(self, cause: str, given: Compiled | None, asked: Asked, *, news_only: bool) -> Outcome:
        read = given if given is not None else await self._settled()
        served = self._served
        if asked.expect and read.digest != asked.expect:
            raise Refused(Stage.READ, f"the files have the digest {read.digest}, not the expected {asked.expect}")
        if given is None and not asked.insist and not self._worth(read, news_only=news_only):
            return Outcome(
                result="unchanged", stage=Stage.READ, cause=cause, digest=read.digest, generation=self._generation
            )
        self._stage = Stage.CHECK
        config = _checked(read)
        objection = self._objection(config)
        if objection is not None:
            raise Refused(Stage.CHECK, objection)
        before = self._running.snapshot if served is not None else None
        _check_removals(read, config, before, insist=asked.insist)
        stale = sorted(read.broken & before.tenants.keys()) if before is not None else []
        self._stage = Stage.BUILD
        built = await self._built(read, config, before, stale)
        if asked.dry_run or (before is None and built.failed and not built.snapshot.tenants):
            await built.snapshot.close()
            if not asked.dry_run:
                raise Refused(Stage.BUILD, *built.failed.values())
            return _outcome("checked", cause, read, built, before)
        self._stage = Stage.COMMIT
        self._running.commit(built.snapshot, config.reload.drain.seconds)
        self._after_commit(cause, read, config, built)
        return _outcome("applied", cause, read, built, before)

    async def _settled(self) -> Compiled:
        """A reading that a second one agrees with."""
        self._stage = Stage.READ
        read = await asyncio.to_thread(self._compile, self._read)
        for _ in range(READINGS):
            if self._served is not None and read.digest == self._served.digest:
                break
            await asyncio.sleep(SETTLE_SECONDS)
            again = await asyncio.to_thread(self._compile, read)
            if again.digest == read.digest:
                break
            read = again
        else:
            raise Refused(Stage.READ, "the files keep changing while they are read")
        self._read = read
        return read

    def _worth(self, read: Compiled, *, news_only: bool) -> bool:
        """Whether these bytes are news: not what is served, not what was refused, not what a rollback holds back."""
        if self._served is not None and read.digest == self._served.digest and not self._held_digest:
            self._refused_digest = ""
            if not self._last.ok:
                self._last = Outcome(
                    result="unchanged",
                    stage=Stage.READ,
                    cause="reverted",
                    digest=read.digest,
                    generation=self._generation,
                )
            return self.healing
        if read.digest == self._held_digest:
            return False
        return not news_only or read.digest != self._refused_digest or self.healing

    async def _built(self, read: Compiled, config: Config, before: Snapshot | None, stale: list[str]) -> Built:
        try:
            async with asyncio.timeout(BUILD_SECONDS):
                means = self._running.means
                return await build(config, means, self._generation + 1, before, stale, read.locked)
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
        try:
            self._committed(read)
        except OSError:
            _log.exception("the last good configuration could not be kept")
            self.events.append(Event(at=now, what="last good not kept"))

    def _told(self, outcome: Outcome, seconds: float, *, dry_run: bool) -> Outcome:
        outcome = msgspec.structs.replace(outcome, seconds=round(seconds, 4))
        if dry_run or outcome.result == "unchanged":
            return outcome
        self._last = outcome
        place = (outcome.result, outcome.stage.value)
        self.attempts[place] = self.attempts.get(place, 0) + 1
        detail = "; ".join(outcome.reasons) or f"generation {outcome.generation}"
        self.events.append(
            Event(at=self._running.means.clock(), what=outcome.result, detail=f"{outcome.cause}: {detail}")
        )
        level = logging.ERROR if not outcome.ok else logging.WARNING if outcome.reasons else logging.INFO
        told = {name: value for name, value in msgspec.to_builtins(outcome).items() if value not in ("", [], ())}
        _log.log(level, "configuration %s", outcome.result, extra=told)
        return outcome


def _checked(read: Compiled) -> Config:
    """The configuration, or Refused with what is wrong with the gateway's own file."""
    if read.config is not None:
        return read.config
    wrong = _errors(read)
    raise Refused(Stage.CHECK, *wrong[:_TOLD], *([f"and {len(wrong) - _TOLD} more"] if len(wrong) > _TOLD else []))


def _errors(read: Compiled) -> list[str]:
    return [note.line() for note in read.diagnostics if note.severity is Severity.ERROR]


def _check_removals(read: Compiled, config: Config, before: Snapshot | None, *, insist: bool) -> None:
    """An emptied folder, an unmounted volume: many tenants that go at once go by mistake."""
    gone = removed(read, before)
    limit = config.reload.max_removed_tenants
    if len(gone) > limit and not insist:
        some = ", ".join(gone[:5])
        raise Refused(
            Stage.CHECK,
            f"{len(gone)} tenants would go at once ({some}{', …' if len(gone) > 5 else ''}); "
            f"reload.max_removed_tenants is {limit}: insist, if they are meant to",
        )


def removed(read: Compiled, before: Snapshot | None) -> list[str]:
    if before is None or read.config is None:
        return []
    return sorted(before.tenants.keys() - read.config.tenants.keys() - read.broken)


def _outcome(
    result: Literal["applied", "checked"], cause: str, read: Compiled, built: Built, before: Snapshot | None
) -> Outcome:
    snapshot = built.snapshot
    return Outcome(
        result=result,
        stage=Stage.COMMIT if result == "applied" else Stage.BUILD,
        cause=cause,
        digest=read.digest,
        generation=snapshot.generation if result == "applied" or before is None else before.generation,
        reasons=tuple(dict.fromkeys([*built.failed.values(), *_errors(read)]))[:_TOLD],
        changed=built.changed,
        removed=tuple(removed(read, before)),
        stale=tuple(sorted((read.broken | built.failed.keys()) & snapshot.tenants.keys())),
        locked=tuple(sorted(snapshot.locked)),
    )
