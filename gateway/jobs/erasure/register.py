"""Where erasures are kept, and the key that their receipts are signed with: there from the first erasure on.

Whoever never erases anything has neither. Knows nothing of what an erasure does.
"""

import asyncio
import logging
from pathlib import Path
from typing import TYPE_CHECKING

from gateway.config.compiled import Config
from gateway.domain.errors import Unavailable
from gateway.domain.ids import Clock, Randomness
from gateway.receipts.signing import Signer, kept_private, read_private

if TYPE_CHECKING:
    from gateway.jobs.erasure.store import ErasureStore

_log = logging.getLogger("gateway.erasures")


class Register:
    """By the configuration that serves, once there is one. `store` stays the same until it is closed."""

    def __init__(self, clock: Clock, randomness: Randomness) -> None:
        self.config: Config | None = None
        self.store: ErasureStore | None = None
        self._clock = clock
        self._randomness = randomness
        self._turn = asyncio.Lock()

    @property
    def shared(self) -> bool:
        """Whether it is on a server, where others may use it too."""
        return self.config is not None and self.config.jobs.url is not None

    async def found(self) -> "ErasureStore | None":
        """The store, where somebody has made one."""
        config = self.config
        async with self._turn:
            if self.store is None and config is not None:
                try:
                    self.store = await asyncio.to_thread(opened, config, self._clock, self._randomness, make=False)
                except Exception as error:  # noqa: BLE001 - looked for again; who erases is told then
                    _log.warning("the store of erasures cannot be read now", extra={"reason": type(error).__name__})
            return self.store

    async def needed(self) -> "ErasureStore":
        config = self.config
        if config is None:
            raise Unavailable("no configuration is being served yet", code="not_ready")
        async with self._turn:
            if self.store is None:
                try:
                    await self.signer()
                    self.store = await asyncio.to_thread(opened, config, self._clock, self._randomness, make=True)
                except Exception as error:
                    _log.warning("erasures cannot be kept", extra={"reason": type(error).__name__})
                    raise unkept(error) from error
        if self.store is None:
            raise Unavailable("the gateway is stopping", code="erasures_unavailable")
        return self.store

    async def signer(self) -> Signer:
        config = self.config
        if config is None:
            raise Unavailable("no configuration is being served yet", code="not_ready")
        written = config.receipts
        if written.key is not None:
            return read_private(written.key.reveal())
        return await asyncio.to_thread(kept_private, Path(config.home, written.file), self._randomness)


def opened(config: Config, clock: Clock, randomness: Randomness, *, make: bool) -> "ErasureStore | None":
    """Blocks. Without `make`, None where there is none."""
    shared = config.jobs.url is not None  # a server, which is there to be used
    if not make and not shared and not Path(config.home, config.jobs.store).exists():
        return None
    from gateway.jobs.erasure.store import ErasureStore
    from gateway.jobs.jobs import place_of

    place, make = place_of(config), make or shared

    place.make()
    store = ErasureStore(place, clock, randomness)
    try:
        if make or store.ready():
            store.make()
            return store
    except BaseException:
        store.close()
        raise
    store.close()
    return None


def unkept(error: Exception) -> Unavailable:
    if isinstance(error, Unavailable):
        return error
    return Unavailable(
        f"erasures cannot be kept now ({type(error).__name__}), so nothing was done", code="erasures_unavailable"
    )
