"""Passing on a thing that only one instance may hold: a locked file, a port. The old one lets go before the new one opens.

What fails is put back: the old one opens again. Only where that fails too is the thing held by nobody, and the routes
that need it answer 503; everything else goes on. Decides nothing about who needs what.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable
from contextlib import AsyncExitStack
from typing import Final

from gateway.chain.held import HOLD_SECONDS, Held
from gateway.domain.errors import Unavailable
from gateway.domain.ports import Provider
from gateway.runtime.failures import about

OPEN_SECONDS: Final = 10.0  # for one instance, while nobody holds the thing

_log = logging.getLogger("gateway.handover")

Opening = Callable[[AsyncExitStack], Awaitable[Provider]]


class Holder:
    """One instance of an exclusive thing, as long as anybody uses it; open or not.

    `likeness` says what it is: only to one that is like it may its calls be passed on.
    """

    def __init__(self, things: frozenset[str], likeness: object, opening: Opening) -> None:
        self.things = things
        self.held = Held()
        self._likeness = likeness
        self._opening = opening
        self._stack: AsyncExitStack | None = None
        self._instance: Provider | None = None

    @property
    def holds(self) -> bool:
        return self._stack is not None

    async def open(self) -> None:
        """Raises what opening raises, and then holds nothing."""
        async with AsyncExitStack() as stack:
            async with asyncio.timeout(OPEN_SECONDS):
                self._instance = await self._opening(stack)
            self._stack = stack.pop_all()
        self.held.go_on(self._instance)

    async def close(self) -> None:
        """Calls are Unavailable afterwards. Raises what closing raises."""
        stack, self._stack, self._instance = self._stack, None, None
        self.held.go_on(None)
        if stack is not None:
            await stack.aclose()

    async def let_go(self) -> bool:
        """Closed, with its calls waiting; or still open, and at work, where some would not end."""
        if not await self.held.hold(HOLD_SECONDS):
            self.held.go_on(self._instance)
            return False
        stack, self._stack, self._instance = self._stack, None, None
        if stack is not None:
            try:
                async with asyncio.timeout(OPEN_SECONDS):
                    await stack.aclose()
            except Exception as error:  # noqa: BLE001 - if it still holds the thing, the next one's opening will tell
                told = {"things": sorted(self.things), **about(error)}
                _log.error("an exclusive instance did not close cleanly", extra=told)
        return True

    async def take_back(self) -> None:
        """Open again, if that can be; else its calls are Unavailable."""
        try:
            await self.open()
        except Exception as error:  # noqa: BLE001 - a driver may raise anything
            self.held.go_on(None)
            told = {"things": sorted(self.things), **about(error)}
            _log.error("an exclusive thing is held by nobody now", extra=told)

    def pass_on(self, other: "Holder") -> None:
        self.held.go_on(other.held.provider if other.likeness == self.likeness else None)

    @property
    def likeness(self) -> object:
        return self._likeness


async def hand_over(before: Iterable[Holder], new: Holder) -> None:
    """`new` is open and holds what those `before` it held; or raises, and they hold it again. Whoever cancels this
    waits until one or the other is so.
    """
    gone: list[Holder] = []
    try:
        for each in before:
            if not await each.let_go():
                raise Unavailable("its predecessor is busy and does not let go of it", code="busy")
            gone.append(each)
        await new.open()
    except BaseException:
        await asyncio.shield(asyncio.ensure_future(_taken_back(gone)))
        raise
    for each in gone:
        each.pass_on(new)


async def _taken_back(gone: list[Holder]) -> None:
    for each in gone:
        await each.take_back()
