"""A backend that was away when the gateway started: its routes serve as far as they can, and it is asked again and again.

Until it opens every call is Unavailable; from then on calls are its own. Nothing that half an opening made stays.
Knows no route.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any, Final, TypeVar

from gateway.chain.through import Through, Verb
from gateway.domain.errors import Unavailable
from gateway.domain.ports import Provider

Result = TypeVar("Result")

_FIRST: Final = 0.5  # seconds until it is asked again
_MOST: Final = 15.0


class Waking:
    """`provider` is what the guard gets. `opening` makes the backend anew and opens it on the stack it is given; `woke`
    is told when that worked."""

    def __init__(
        self,
        name: str,
        opening: Callable[[AsyncExitStack], Awaitable[Provider]],
        woke: Callable[[], None],
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.provider: Provider = Through(self._around)
        self._name = name
        self._opening = opening
        self._woke = woke
        self._pause = pause
        self._inner: Provider | None = None
        self._close = AsyncExitStack()

    @property
    def awake(self) -> bool:
        return self._inner is not None

    def start(self, stack: AsyncExitStack) -> None:
        """Asks from now on, until it opens or the stack closes, which closes it too."""
        task = asyncio.create_task(self._wake())
        stack.push_async_callback(self._stop, task)

    async def _wake(self) -> None:
        wait = _FIRST
        while self._inner is None:
            await self._pause(wait)
            wait = min(_MOST, 2 * wait)
            async with AsyncExitStack() as stack:
                try:
                    inner = await self._opening(stack)
                except Exception:  # noqa: BLE001, S112 - a driver may raise anything; the first failure has been told
                    continue
                self._close = stack.pop_all()
                self._inner = inner
        self._woke()

    async def _stop(self, task: asyncio.Task[None]) -> None:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        self._inner = None
        await self._close.aclose()

    async def _around(self, _verb: Verb, call: Callable[[Any], Awaitable[Result]]) -> Result:
        if self._inner is None:
            raise Unavailable(
                f"{self._name} has not been there yet", code="not_there_yet", headers={"Retry-After": "1"}
            )
        return await call(self._inner)
