"""Opened providers, embedders and strategies, shared by everyone who declares the same thing.

An instance opens once, at its first user, and closes after its last. So a new generation of the configuration keeps the
connections of everything it did not change. Knows nothing of what the instances do.
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, Protocol

import msgspec

from gateway.config.compiled import Plugged
from gateway.config.sameness import identity_of
from gateway.domain.ports import Kit


class Opens(Protocol):
    async def open(self, stack: AsyncExitStack) -> None: ...


class Use(msgspec.Struct, frozen=True):
    """A declaration together with what its instance is given."""

    declared: Plugged
    kit: Kit

    def identity(self) -> str:
        return identity_of(self.declared, self.kit.home, self.kit.dimension)


class Opened(msgspec.Struct, frozen=True):
    """`name` is never that of another instance, not even of a later one of the same declaration."""

    instance: Any
    name: str


class _Entry:
    __slots__ = ("declared", "opened", "stack", "users")

    def __init__(self, declared: str, opened: Opened, stack: AsyncExitStack) -> None:
        self.declared = declared
        self.opened = opened
        self.stack = stack
        self.users = 0


class _Turn:
    __slots__ = ("lock", "waiting")

    def __init__(self) -> None:
        self.lock = asyncio.Lock()
        self.waiting = 0


class Instances:
    """Counts users by identity. Not for use from several event loops."""

    def __init__(self) -> None:
        self._entries: dict[str, _Entry] = {}
        self._turns: dict[str, _Turn] = {}
        self._made = 0

    async def acquire(self, use: Use, stack: AsyncExitStack) -> Opened:
        """The instance, made and opened if nobody has it yet; given back when `stack` closes.

        A failed open leaves nothing behind and is raised to the caller.
        """
        key = use.identity()
        async with self._turn(key):
            entry = self._entries.get(key)
            if entry is None:
                self._made += 1
                entry = await _open(use, f"{use.declared.key}#{self._made}")
                self._entries[key] = entry
            entry.users += 1
        stack.push_async_callback(self._release, key)
        return entry.opened

    async def _release(self, key: str) -> None:
        async with self._turn(key):
            entry = self._entries[key]
            entry.users -= 1
            if entry.users:
                return
            del self._entries[key]
            await entry.stack.aclose()

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

    def live(self) -> list[tuple[str, object]]:
        """Everything open now, with the name it was declared under."""
        return [(entry.declared, entry.opened.instance) for entry in self._entries.values()]


async def _open(use: Use, name: str) -> _Entry:
    made: Opens = use.declared.plugin(use.declared.options, use.kit)
    async with AsyncExitStack() as stack:
        await made.open(stack)
        return _Entry(use.declared.key, Opened(made, name), stack.pop_all())
