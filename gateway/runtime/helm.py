"""What steers a running gateway: the reloader, its triggers and the other workers, under one roof for faces to call.

Starts and stops everything that lives as long as the process. A rule about reloading stands in `reloading`, not here.
"""

import asyncio
import logging
import os
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

import msgspec

from gateway.config.compiled import Compiled
from gateway.config.model import Reload
from gateway.runtime.background import Background
from gateway.runtime.chaos import Chaos, Ordeal
from gateway.runtime.crew import FRESH_SECONDS, Call, Crew, Standing
from gateway.runtime.judging import Asked
from gateway.runtime.reloading import Reloader
from gateway.runtime.reports import Outcome, Stage
from gateway.runtime.running import Running
from gateway.runtime.watching import Watcher

_log = logging.getLogger("gateway.helm")


class Everyone(msgspec.Struct, frozen=True, kw_only=True):
    """What a call came to: here, and with every other worker. `agreed`: all of them serve the same digest."""

    outcome: Outcome
    agreed: bool
    workers: list[Standing]


class Helm:
    def __init__(
        self,
        running: Running,
        reloader: Reloader,
        crew: Crew,
        background: Background | None = None,
        more: Sequence[Callable[[], Coroutine[Any, Any, None]]] = (),
    ) -> None:
        """`more` are chores that run as long as the files are followed."""
        self.running = running
        self.background = background
        self.reloader = reloader
        self._crew = crew
        self._mint = running.means.mint
        self._watcher = Watcher(reloader.files, self._settings, self._noticed)
        self._chores: list[asyncio.Task[None]] = []
        self._more = tuple(more)
        self._chaos = Chaos(running.means.instances.guards_of, self._stand)
        self._answered = ""  # the last call, and what came of it
        self._outcome: Outcome | None = None

    async def start(self, good: Compiled | None = None) -> None:
        try:
            await self.reloader.start(good)
        except BaseException:
            if self.background is not None:  # it may have begun before the rest failed
                await self.background.stop()
            raise
        self._stand()
        self._chores = [
            asyncio.create_task(self._watcher.run(), name="watch"),
            asyncio.create_task(self._crew.listen(self._attempt, self._now() - FRESH_SECONDS), name="listen"),
            *(asyncio.create_task(chore(), name="chore") for chore in self._more),
        ]

    def leave(self) -> None:
        """The gateway is about to stop: it serves on, says that it is not ready, and follows no file any more.

        What else must take nothing new from here on is told here; `stop` comes once the last request has ended.
        """
        self.running.leaving = True
        for chore in self._chores:
            chore.cancel()

    async def stop(self) -> None:
        chores, self._chores = self._chores, []
        for chore in chores:
            chore.cancel()
        for ended in await asyncio.gather(*chores, return_exceptions=True):
            if isinstance(ended, Exception):
                _log.error("a chore had ended before its time", exc_info=ended)
        self._chaos.end_all()
        await self.reloader.end()
        self._crew.leave()
        if self.background is not None:
            await self.background.stop()
        await self.running.stop()

    async def reload(self, asked: Asked) -> Everyone:
        """On every worker; returns when each has answered, or says which has not. A dry run is made here alone."""
        if asked.dry_run:
            return Everyone(outcome=await self.reloader.reload("admin", asked), agreed=True, workers=[])
        return await self._all(Call(id=self._mint.stamp().id, at=self._now(), asked=asked))

    async def rollback(self, generation: int) -> Everyone:
        """To what this worker served as that generation, on every worker that has served it too."""
        past = self.reloader.generations.history()
        digest = next((each.digest for each in past if each.generation == generation), "")
        if digest:
            return await self._all(Call(id=self._mint.stamp().id, at=self._now(), rollback=digest))
        known = ", ".join(str(each.generation) for each in past)
        why = f"generation {generation} is not kept; kept are {known}"
        now = self.reloader.status()
        outcome = Outcome(
            result="rejected",
            stage=Stage.READ,
            cause="rollback",
            digest=now.disk_digest,
            generation=now.generation,
            reasons=(why,),
        )
        return Everyone(outcome=outcome, agreed=True, workers=self.workers())

    async def trouble(self, ordeal: Ordeal) -> tuple[bool, list[Standing]]:
        """Faults before a provider, on every worker: whether each has done it, and how they stand."""
        self._chaos.check(ordeal)
        call = Call(id=self._mint.stamp().id, at=self._now(), ordeal=ordeal)
        self._crew.call(call)
        await self._attempt(call)
        others = await self._crew.answers(call, FRESH_SECONDS)
        return all(each.call == call.id for each in others), [self._standing(), *others]

    def workers(self) -> list[Standing]:
        return [self._standing(), *self._crew.others()]

    async def _all(self, call: Call) -> Everyone:
        self._crew.call(call)
        outcome = await self._attempt(call)
        others = await self._crew.answers(call, FRESH_SECONDS)
        digest = self.reloader.status().digest
        agreed = all(each.call == call.id and each.digest == digest for each in others)
        return Everyone(outcome=outcome, agreed=agreed, workers=[self._standing(), *others])

    async def _attempt(self, call: Call) -> Outcome:
        outcome = self.reloader.status().last
        if call.ordeal is not None:
            allowed = self.running.snapshot.config.admin.chaos
            seconds = call.at + call.ordeal.seconds - self._now() if call.ordeal.seconds and allowed else 0.0
            self._chaos.begin(call.ordeal, seconds, call.id)
        elif call.rollback:
            outcome = await self.reloader.rollback(call.rollback)
        else:
            outcome = await self.reloader.reload("admin", call.asked)
        self._answered, self._outcome = call.id, outcome
        self._stand()
        return outcome

    async def _noticed(self, cause: str) -> None:
        await self.reloader.reload(cause)
        self._stand()

    def _now(self) -> float:
        return self.running.means.clock().timestamp()

    def _stand(self) -> None:
        self._crew.stand(self._standing())

    def _standing(self) -> Standing:
        status = self.reloader.status()
        return Standing(
            pid=os.getpid(),
            generation=status.generation,
            digest=status.digest,
            call=self._answered,
            outcome=self._outcome,
            faults=self._chaos.left(),
            ok=status.last.ok,
            disk_valid=status.disk_valid,
        )

    def _settings(self) -> Reload:
        return self.running.snapshot.config.reload
