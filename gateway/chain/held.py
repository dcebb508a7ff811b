"""A gate before what may be open only once: its place can be taken by another instance while calls go on.

Between closing the one and opening the other, new calls wait a moment and then fail; those under way are waited for.
Knows nothing of why or when that happens.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeVar

from gateway.chain.through import Through, Verb
from gateway.domain.errors import Unavailable
from gateway.domain.ports import Provider

HOLD_SECONDS: Final = 2.0  # how long a call waits for the other instance

Result = TypeVar("Result")


class Held:
    """`provider` has the capabilities of what is behind the gate; with nothing there every call is Unavailable."""

    def __init__(self, inner: Provider | None = None) -> None:
        self.provider: Provider = Through(self._around)
        self._inner = inner
        self._running = 0
        self._idle = asyncio.Event()
        self._free = asyncio.Event()
        self._idle.set()
        self._free.set()

    async def hold(self, seconds: float) -> bool:
        """From here on new calls wait. Whether those under way have ended within `seconds`."""
        self._free.clear()
        try:
            async with asyncio.timeout(seconds):
                await self._idle.wait()
        except TimeoutError:
            return False
        return True

    def go_on(self, inner: Provider | None) -> None:
        """Calls go to `inner` from here on, those that wait first; None where there is nothing that could answer."""
        self._inner = inner
        self._free.set()

    async def _around(self, _verb: Verb, call: Callable[[Any], Awaitable[Result]]) -> Result:
        if not self._free.is_set():
            try:
                async with asyncio.timeout(HOLD_SECONDS):
                    await self._free.wait()
            except TimeoutError:
                raise _away("is being replaced") from None
        if self._inner is None:
            raise _away("could not be opened again")
        self._running += 1
        self._idle.clear()
        try:
            return await call(self._inner)
        finally:
            self._running -= 1
            if not self._running:
                self._idle.set()


def _away(why: str) -> Unavailable:
    return Unavailable(f"the backend of this route {why}", code="handed_over", headers={"Retry-After": "1"})
