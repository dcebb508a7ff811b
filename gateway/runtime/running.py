"""The gateway while it runs: which Snapshot serves now, and which still serve the requests they began with.

One reference, replaced by one assignment: before it nothing has changed, after it everything has. What goes wrong while
an old generation is taken down is logged and counted, and never reaches a request.
"""

import asyncio
import logging
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
MOST_ALIVE: Final = 3  # generations, the serving one among them
_LOOK_SECONDS: Final = 0.05
_LOOKS: Final = 20  # for the oldest generation to be gone, before another one is committed

_log = logging.getLogger("gateway.runtime")


class Running:
    """Serves from the first `commit` until `stop`."""

    def __init__(self, means: Means, folder: Path | None = None) -> None:
        """`folder` is shared with the other workers of this gateway, where there are any."""
        self.means = means
        self.tally = Tally(means.meters, folder)
        self.leaving = False  # serves on, and wants no new callers
        self._snapshot: Snapshot | None = None
        self._retiring: dict[Snapshot, asyncio.Task[None]] = {}
        self._chores: list[asyncio.Task[None]] = []

    @property
    def ready(self) -> bool:
        return self._snapshot is not None and not self.leaving

    @property
    def snapshot(self) -> Snapshot:
        """The one that serves now. Whoever uses it across an await enters it first."""
        if self._snapshot is None:
            raise Unavailable("the gateway is not ready", code="not_ready", headers={"Retry-After": "1"})
        return self._snapshot

    def speaks(self, face: str) -> bool:
        """Whether the configuration has a face, which is not the gateway's own, served."""
        return self._snapshot is not None and bool(getattr(self._snapshot.config.faces, face, False))

    @property
    def alive(self) -> int:
        """Generations that have not been closed yet."""
        return len(self._retiring) + (self._snapshot is not None)

    async def room(self) -> None:
        """Returns when one more generation is not too many, or after a while: what does not close holds nobody up."""
        for _ in range(_LOOKS):
            if self.alive < MOST_ALIVE:
                return
            next(iter(self._retiring)).hurried = True
            await asyncio.sleep(_LOOK_SECONDS)

    def commit(self, snapshot: Snapshot, drain: float) -> None:
        """From here on requests get this Snapshot. The one before closes when its last request ends, or after `drain`
        seconds, or when too many are alive: the oldest first.
        """
        old, self._snapshot = self._snapshot, snapshot
        if old is None:
            self._chores = [
                asyncio.create_task(self._sweep_forever(), name="sweep"),
                asyncio.create_task(self.tally.keep(), name="tally"),
            ]
            return
        self._retiring[old] = asyncio.create_task(self._retire(old, drain), name=f"retire {old.generation}")
        for oldest in list(self._retiring)[: max(0, self.alive - MOST_ALIVE)]:
            oldest.hurried = True

    async def stop(self) -> None:
        """No new leases; what is open closes. Idempotent."""
        snapshot, self._snapshot = self._snapshot, None
        chores, self._chores = self._chores, []
        for chore in chores:
            chore.cancel()
            with suppress(asyncio.CancelledError):
                await chore
        self.tally.write()
        for old in list(self._retiring):
            old.hurried = True
        await asyncio.gather(*self._retiring.values())
        if self.means.rings is not None:
            await self.means.rings.close()
        if snapshot is not None:
            await snapshot.close()

    async def _retire(self, old: Snapshot, drain: float) -> None:
        until = asyncio.get_running_loop().time() + drain
        # Requests do not signal their end: a look now and then costs them nothing.
        while old.leases and not old.hurried and asyncio.get_running_loop().time() < until:  # noqa: ASYNC110
            await asyncio.sleep(_LOOK_SECONDS)
        if old.leases:
            _log.warning("requests are cut off", extra={"generation": old.generation, "requests": old.leases})
            self.means.meters.fault("", "", "drain_cut_off", old.leases)
        try:
            await old.close()
        except Exception:  # noqa: BLE001 - what a backend raises at its end must not end the gateway
            _log.exception("an old generation did not close cleanly", extra={"generation": old.generation})
            self.means.meters.fault("", "", "close_failed")
        finally:
            del self._retiring[old]

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
