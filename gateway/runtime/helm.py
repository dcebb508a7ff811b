"""What steers a running gateway: the reloader, its triggers and the other workers, under one roof for faces to call.

Starts and stops everything that lives as long as the process. A rule about reloading stands in `reloading`, not here.
"""

import asyncio
import os
from contextlib import suppress
from typing import Final

import msgspec

from gateway.config.compiled import Compiled
from gateway.config.model import Reload
from gateway.runtime.crew import Call, Crew, Standing
from gateway.runtime.reloading import Asked, Reloader
from gateway.runtime.reports import Outcome
from gateway.runtime.running import Running
from gateway.runtime.watching import Watcher

ALL_SECONDS: Final = 60.0  # how long a call waits for the other workers


class Everyone(msgspec.Struct, frozen=True, kw_only=True):
    """What a call came to: here, and with every other worker. `agreed`: all of them serve the same digest."""

    outcome: Outcome
    agreed: bool
    workers: list[Standing]


class Helm:
    def __init__(self, running: Running, reloader: Reloader, crew: Crew) -> None:
        self.running = running
        self.reloader = reloader
        self._crew = crew
        self._mint = running.means.mint
        self._watcher = Watcher(reloader.files, self._settings, self._noticed)
        self._chores: list[asyncio.Task[None]] = []
        self._answered = ""  # the last call, and what came of it
        self._outcome: Outcome | None = None

    async def start(self, good: Compiled | None = None) -> None:
        await self.reloader.start(good)
        self._stand()
        self._chores = [
            asyncio.create_task(self._watcher.run(), name="watch"),
            asyncio.create_task(self._crew.listen(self._attempt), name="listen"),
        ]

    async def stop(self) -> None:
        chores, self._chores = self._chores, []
        for chore in chores:
            chore.cancel()
            with suppress(asyncio.CancelledError):
                await chore
        self._crew.leave()
        await self.running.stop()

    async def reload(self, asked: Asked) -> Everyone:
        """On every worker; returns when each has answered, or says which has not. A dry run is made here alone."""
        if asked.dry_run:
            return Everyone(outcome=await self.reloader.reload("admin", asked), agreed=True, workers=[])
        return await self._all(Call(id=self._mint.stamp().id, asked=asked))

    async def rollback(self, generation: int) -> Everyone:
        return await self._all(Call(id=self._mint.stamp().id, rollback=generation))

    def workers(self) -> list[Standing]:
        return [self._standing(), *self._crew.others()]

    async def _all(self, call: Call) -> Everyone:
        self._crew.call(call)
        outcome = await self._attempt(call)
        others = await self._crew.answers(call, ALL_SECONDS)
        digest = self.reloader.status().digest
        agreed = all(each.call == call.id and each.digest == digest for each in others)
        return Everyone(outcome=outcome, agreed=agreed, workers=[self._standing(), *others])

    async def _attempt(self, call: Call) -> Outcome:
        if call.rollback:
            outcome = await self.reloader.rollback(call.rollback)
        else:
            outcome = await self.reloader.reload("admin", call.asked)
        self._answered, self._outcome = call.id, outcome
        self._stand()
        return outcome

    async def _noticed(self, cause: str) -> None:
        await self.reloader.reload(cause)
        self._stand()

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
        )

    def _settings(self) -> Reload:
        return self.running.snapshot.config.reload
