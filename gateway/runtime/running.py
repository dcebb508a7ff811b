"""The gateway while it runs: which Snapshot serves now. One reference, replaced by one assignment."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

from gateway.domain.errors import GatewayError, Unavailable
from gateway.domain.ports import Sweeps
from gateway.runtime.snapshot import Snapshot
from gateway.runtime.tally import Tally
from gateway.runtime.tenancy import Means

SWEEP_SECONDS: Final = 60.0
SWEEP_ROWS: Final = 5_000

_log = logging.getLogger("gateway.runtime")


class Running:
    """Starts with a builder; has a Snapshot from `start` to `stop`."""

    def __init__(self, means: Means, build: Callable[[], Awaitable[Snapshot]], folder: Path | None = None) -> None:
        """`folder` is shared with the other workers of this gateway, where there are any."""
        self.means = means
        self.tally = Tally(means.meters, folder)
        self._build = build
        self._snapshot: Snapshot | None = None
        self._chores: list[asyncio.Task[None]] = []

    @property
    def ready(self) -> bool:
        return self._snapshot is not None

    @property
    def snapshot(self) -> Snapshot:
        """The one that serves now. Whoever uses it across an await enters it first."""
        if self._snapshot is None:
            raise Unavailable("the gateway is not ready", code="not_ready", headers={"Retry-After": "1"})
        return self._snapshot

    async def start(self) -> None:
        self._snapshot = await self._build()
        self._chores = [
            asyncio.create_task(self._sweep_forever(), name="sweep"),
            asyncio.create_task(self.tally.keep(), name="tally"),
        ]

    async def stop(self) -> None:
        """No new leases; what is open closes. Idempotent."""
        snapshot, self._snapshot = self._snapshot, None
        chores, self._chores = self._chores, []
        for chore in chores:
            chore.cancel()
            with suppress(asyncio.CancelledError):
                await chore
        self.tally.write()
        if snapshot is not None:
            await snapshot.close()

    async def _sweep_forever(self) -> None:
        """Removes expired rows of the providers that do not do it themselves. A failure waits for the next round."""
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            for name, instance in self.means.instances.live():
                if not isinstance(instance, Sweeps):
                    continue
                try:
                    removed = await instance.sweep(SWEEP_ROWS)
                except GatewayError as error:
                    _log.warning("sweep failed", extra={"provider": name, "code": error.code})
                else:
                    if removed:
                        _log.info("swept expired records", extra={"provider": name, "rows": removed})
