"""What is asked of the instances, and what is given: a declaration to be opened, and what it was opened as.

Opens nothing itself, and knows no other declaration.
"""

import os
from contextlib import AsyncExitStack
from typing import Any, Protocol

import msgspec

from gateway.chain.guarded import Guard
from gateway.config.compiled import Plugged
from gateway.config.sameness import identity_of
from gateway.domain.ports import Capabilities, Kit


class Opens(Protocol):
    async def open(self, stack: AsyncExitStack) -> None: ...


class Use(msgspec.Struct, frozen=True):
    """A declaration together with what its instance is given."""

    declared: Plugged
    kit: Kit

    def identity(self) -> str:
        return identity_of(self.declared, self.kit.home, self.kit.dimension)

    def things(self) -> frozenset[str]:
        """What only one instance may hold, where that is so of this one."""
        if not hasattr(self.declared.plugin, "capabilities"):
            return frozenset()
        can: Capabilities = self.declared.plugin.capabilities(self.declared.options)
        return frozenset() if can.shared else frozenset(map(self._absolute, can.exclusive))

    def may_wait(self) -> bool:
        """Whether the gateway may serve while it is away."""
        can = getattr(self.declared.plugin, "capabilities", None)
        return not self.declared.required and can is not None and can(self.declared.options).remote

    def _absolute(self, thing: str) -> str:
        """Two ways to write one path are one thing."""
        kind, _, name = thing.partition(":")
        return f"file:{os.path.normpath(self.kit.home / name)}" if kind == "file" else thing


class Opened(msgspec.Struct, frozen=True):
    """`name` is never that of another instance, not even of a later one of the same declaration."""

    instance: Any
    name: str
    guard: Guard | None = None
