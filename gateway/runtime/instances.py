"""Opened providers, embedders and strategies, shared by everyone who declares the same thing.

An instance opens once, at its first user, and closes after its last. So a new generation of the configuration keeps the
connections of everything it did not change. Knows nothing of what the instances do, only which of them exclude others.
"""

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, Final

from gateway.chain.guarded import Guard
from gateway.chain.held import Held
from gateway.chain.waking import Waking
from gateway.domain.errors import Unavailable
from gateway.runtime.failures import about
from gateway.runtime.handover import Holder, hand_over
from gateway.runtime.use import Opened, Opens, Use

CLOSE_SECONDS: Final = 10.0

_log = logging.getLogger("gateway.instances")


class _Entry:
    __slots__ = ("asker", "close", "declared", "holder", "opened", "users")

    def __init__(self, declared: str, opened: Opened, close: AsyncExitStack, holder: Holder | None = None) -> None:
        self.declared = declared
        self.opened = opened
        self.close = close
        self.holder = holder
        self.users = 0
        self.asker: AsyncExitStack | None = None  # who wanted it last


class _Turn:
    __slots__ = ("lock", "waiting")

    def __init__(self) -> None:
        self.lock = asyncio.Lock()
        self.waiting = 0


class Instances:
    """Counts users by identity. Not for use from several event loops.

    `unclosed` is told the name of what did not close cleanly: that is nobody's failure, and nobody waits for it long.
    """

    def __init__(self, unclosed: Callable[[str], object] | None = None) -> None:
        self._entries: dict[str, _Entry] = {}
        self._turns: dict[str, _Turn] = {}
        self._passing = asyncio.Lock()  # one exclusive thing changes hands at a time
        self._made = 0
        self._unclosed = unclosed

    async def acquire(
        self, use: Use, stack: AsyncExitStack, *, rehearsal: bool = False, as_it_is: bool = False, patient: bool = False
    ) -> Opened:
        """The instance, made and opened if nobody has it yet; given back when `stack` closes.

        A failed open leaves nothing behind and is raised to the caller. An exclusive thing that an older instance holds
        is taken over from it; a `rehearsal` gets one that cannot be called instead, and with `as_it_is` nothing that
        was taken over is taken back. With `patient`, what is away and not `required` is waited for behind its guard.
        """
        key, things = use.identity(), use.things()
        async with self._turn(key):
            entry = self._entries.get(key)
            if things and not (as_it_is and entry is not None):
                async with self._passing:
                    rivals = self._rivals(key, things)
                    if rehearsal and rivals:
                        return Opened(Held().provider, "rehearsal")
                    entry = await self._held(use, entry, rivals, stack)
                    entry.asker = stack
            elif entry is None:
                self._made += 1
                entry = await _open(use, f"{use.declared.key}#{self._made}", patient=patient)
            self._entries[key] = entry
            entry.users += 1
        stack.push_async_callback(self._release, key)
        return entry.opened

    def is_open(self, use: Use) -> bool:
        return use.identity() in self._entries

    def opened(self, use: Use) -> Opened | None:
        """For whoever knows that somebody has it, and will have it for as long as it is used."""
        entry = self._entries.get(use.identity())
        return entry.opened if entry is not None else None

    def live(self) -> list[tuple[str, object]]:
        """Everything open now, with the name it was declared under."""
        return [
            (entry.declared, entry.opened.instance)
            for entry in self._entries.values()
            if entry.holder is None or entry.holder.holds
        ]

    def guards(self) -> dict[str, Guard]:
        """Of everything open now, by the name it was declared under."""
        return {each.declared: each.opened.guard for each in self._entries.values() if each.opened.guard is not None}

    def guards_of(self, declared: str) -> list[Guard]:
        """Of this name, also where an older instance of it still serves."""
        found = (each.opened.guard for each in self._entries.values() if each.declared == declared)
        return [guard for guard in found if guard is not None]

    async def _held(self, use: Use, entry: _Entry | None, rivals: list[_Entry], stack: AsyncExitStack) -> _Entry:
        if entry is not None and entry.holder is not None and entry.holder.holds:
            return entry
        for rival in rivals:
            if rival.asker is stack:
                raise Unavailable(f"{rival.declared!r} of the same configuration holds what it needs", code="taken")
        if entry is None:
            self._made += 1
            entry = _exclusive(use, f"{use.declared.key}#{self._made}")
        if entry.holder is not None:
            await hand_over([each.holder for each in rivals if each.holder], entry.holder)
        return entry

    def _rivals(self, key: str, things: frozenset[str]) -> list[_Entry]:
        """Those who hold one of the things now."""
        return [
            entry
            for name, entry in self._entries.items()
            if name != key and entry.holder and entry.holder.holds and entry.holder.things & things
        ]

    async def _release(self, key: str) -> None:
        async with self._turn(key):
            entry = self._entries[key]
            entry.users -= 1
            if entry.users:
                return
            del self._entries[key]
            if entry.holder is None:
                await self._close(entry)
                return
            async with self._passing:
                held = entry.holder.things if entry.holder.holds else frozenset[str]()
                await self._close(entry)
                for other in reversed(list(self._entries.values())):
                    # Whoever it was taken over from needs it again: what had taken it has been given up.
                    if other.holder and not other.holder.holds and other.holder.things & held:
                        await other.holder.take_back()
                        held -= other.holder.things

    async def _close(self, entry: _Entry) -> None:
        try:
            async with asyncio.timeout(CLOSE_SECONDS):
                await entry.close.aclose()
        except Exception as error:  # noqa: BLE001 - what a backend raises at its end must not end anything else
            _log.error("an instance did not close cleanly", extra={"provider": entry.declared, **about(error)})
            if self._unclosed is not None:
                self._unclosed(entry.declared)

    @asynccontextmanager
    async def _turn(self, key: str) -> AsyncGenerator[None]:
        """One opening or closing of a key at a time; nothing stays of a key that nobody is at."""
        turn = self._turns.setdefault(key, _Turn())
        turn.waiting += 1
        try:
            async with turn.lock:
                yield
        finally:
            turn.waiting -= 1
            if not turn.waiting:
                del self._turns[key]


async def _open(use: Use, name: str, *, patient: bool) -> _Entry:
    async def opening(stack: AsyncExitStack) -> Any:
        made: Opens = use.declared.plugin(use.declared.options, use.kit)
        await made.open(stack)
        return made

    async with AsyncExitStack() as stack:
        try:
            async with AsyncExitStack() as attempt:
                made = await opening(attempt)
                stack.push_async_exit(attempt.pop_all())
        except Unavailable as error:
            if not (patient and use.may_wait()):
                raise
            _log.error(
                "a backend is away; its routes wait for it", extra={"provider": use.declared.key, **about(error)}
            )
            waking = Waking(use.declared.name, opening, lambda: _log.info("%s is there", use.declared.key))
            waking.start(stack)
            made = waking.provider
        return _Entry(use.declared.key, _guarded(use, made, name), stack.pop_all())


def _exclusive(use: Use, name: str) -> _Entry:
    """Not open yet."""

    async def opening(stack: AsyncExitStack) -> Any:
        made: Opens = use.declared.plugin(use.declared.options, use.kit)
        await made.open(stack)
        return made

    holder = Holder(use.things(), (use.declared.plugin, use.kit.dimension), opening)
    close = AsyncExitStack()
    close.push_async_callback(holder.close)
    return _Entry(use.declared.key, _guarded(use, holder.held.provider, name), close, holder)


def _guarded(use: Use, instance: Any, name: str) -> Opened:
    """One guard for all routes; its state lasts as long as the instance, whatever is reloaded meanwhile."""
    if use.declared.guard is None:
        return Opened(instance, name)
    guard = Guard(instance, use.declared.guard.rules(), use.declared.name, now=time.monotonic)
    return Opened(guard.provider, name, guard)
