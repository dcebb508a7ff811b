"""Real memory providers that can be away, hang, or fail after they have done what they were asked."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, Literal, TypeVar

from gateway.chain.through import WRITES, Through, Verb
from gateway.domain.errors import Invalid, Unavailable
from gateway.domain.ports import Kit, Provider
from gateway.domain.record import Kind, Record
from gateway.domain.scope import Reach
from gateway.providers.memory import Memory, MemoryOptions
from gateway.testing.making import Time, everything, scanned

Result = TypeVar("Result")
Mood = Literal["well", "away", "forgets to answer", "refuses", "hangs"]


class Side:
    """`provider` behaves as `mood` says, `memory` holds what it has. `share` of the calls are the mood's victims."""

    def __init__(self, name: str, clock: Time, seed: int = 0) -> None:
        self.name = name
        self.memory = Memory(MemoryOptions(), Kit(name=name, clock=clock, home=Path()))
        self.provider: Provider = Through(self._around)
        self.mood: Mood = "well"
        self.share = 1.0
        self.turns = 3  # of others, at most, before and after a call is made
        self.calls: list[Verb] = []
        self.gate: asyncio.Event | None = None  # what every call waits for before it is made
        self._random = random.Random(f"{name}{seed}")

    async def records(self, tenant: str) -> dict[str, tuple[int, str]]:
        """Versions and texts by id, as they are kept, whatever the mood."""
        found = await scanned(self.memory, everything(tenant))
        return {record.id: (record.version, record.text) for record in found}

    async def holds(self, record: Record) -> bool:
        return (await self.memory.get(Reach.only(record.scope), [record.id]))[0] is not None

    async def open(self, stack: AsyncExitStack) -> None:
        await self.memory.open(stack)

    async def _around(self, verb: Verb, call: Callable[[Any], Awaitable[Result]]) -> Result:
        self.calls.append(verb)
        if self.gate is not None:
            await self.gate.wait()
        for _ in range(self._random.randrange(self.turns)):
            await asyncio.sleep(0)  # others may come in between
        mood = self.mood if self._random.random() < self.share else "well"
        if mood == "refuses":
            raise Invalid("no")
        if mood == "hangs":
            await asyncio.Event().wait()
        if mood == "away" or (mood == "forgets to answer" and verb not in WRITES):
            raise Unavailable(f"{self.name} is away")
        result = await call(self.memory)
        for _ in range(self._random.randrange(self.turns)):
            await asyncio.sleep(0)
        if mood == "forgets to answer":
            raise Unavailable(f"{self.name} was cut off")
        return result


KINDS = frozenset({Kind.MEMORY})
