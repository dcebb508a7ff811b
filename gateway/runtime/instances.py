"""Opened providers, embedders and strategies, shared by everyone who declares the same thing.

An instance opens once, at its first user, and closes after its last. So a new generation of the configuration keeps the
connections of everything it did not change. Knows nothing of what the instances do.
"""

import asyncio
import hashlib
from contextlib import AsyncExitStack
from typing import Any, Protocol

import msgspec

from gateway.config.compiled import Plugged
from gateway.domain.ports import Kit
from gateway.domain.units import Duration, ImportPath, Secret, Size


class Opens(Protocol):
    async def open(self, stack: AsyncExitStack) -> None: ...


class _Entry:
    __slots__ = ("instance", "name", "stack", "users")

    def __init__(self, name: str, instance: Opens, stack: AsyncExitStack) -> None:
        self.name = name
        self.instance = instance
        self.stack = stack
        self.users = 0


class Instances:
    """Counts users by key. Not for use from several event loops."""

    def __init__(self) -> None:
        self._entries: dict[str, _Entry] = {}
        self._turns: dict[str, asyncio.Lock] = {}

    async def acquire(self, declared: Plugged, kit: Kit, stack: AsyncExitStack) -> Any:
        """The instance of this declaration, made and opened if nobody has it yet; given back when `stack` closes.

        A failed open leaves nothing behind and is raised to the caller.
        """
        key = identity_of(declared, kit)
        async with self._turns.setdefault(key, asyncio.Lock()):
            entry = self._entries.get(key)
            if entry is None:
                entry = await _opened(declared.key, declared.plugin(declared.options, kit))
                self._entries[key] = entry
            entry.users += 1
        stack.push_async_callback(self._release, key)
        return entry.instance

    async def _release(self, key: str) -> None:
        async with self._turns[key]:
            entry = self._entries[key]
            entry.users -= 1
            if entry.users == 0:
                del self._entries[key]
                await entry.stack.aclose()

    def live(self) -> list[tuple[str, object]]:
        """Everything open now, with the name it was declared under."""
        return [(entry.name, entry.instance) for entry in self._entries.values()]


async def _opened(name: str, instance: Opens) -> _Entry:
    async with AsyncExitStack() as stack:
        await instance.open(stack)
        return _Entry(name, instance, stack.pop_all())


def identity_of(declared: Plugged, kit: Kit) -> str:
    """A key that is the same exactly as long as the declaration means the same. Secrets enter it hashed."""
    parts = [declared.key, declared.plugin.__module__, declared.options, str(kit.home), kit.dimension]
    return hashlib.sha256(msgspec.json.encode(parts, enc_hook=_plain)).hexdigest()


def _plain(value: Any) -> Any:
    match value:
        case Secret():
            return hashlib.sha256(value.reveal().encode()).hexdigest()
        case Duration() | Size():
            return value.text
        case ImportPath():
            return repr(value)
        case _:
            raise NotImplementedError(f"an option of type {type(value).__name__} has no text form")
