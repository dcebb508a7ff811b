"""What was said and is not kept yet: turns wait until there are enough of them, apart for each owner.

What cannot be kept, because the gateway is away, waits for the next time; the agent goes on.
"""

import logging
from typing import Final, TypedDict, cast

from pydantic_ai.messages import ModelMessage

from gateway.client import GatewayError
from gateway.client.frameworks.pydanticai.provider import GatewayMemoryProvider
from gateway.client.frameworks.pydanticai.words import MemoryConfig, MemoryProvider, StoredMemory


class Ids(TypedDict, total=False):
    """Whose memory it is."""

    user_id: str
    agent_id: str
    run_id: str


_LONGEST: Final = 1000  # messages of one owner that wait; the oldest go first

_log = logging.getLogger("gateway.client")


class Keeping:
    """Shared by all runs of a capability."""

    def __init__(self, provider: MemoryProvider, config: MemoryConfig) -> None:
        self._provider = provider
        self._config = config
        self._waiting: dict[tuple[tuple[str, str], ...], list[list[ModelMessage]]] = {}

    async def turn(self, messages: list[ModelMessage], ids: Ids) -> None:
        """One more turn; keeps all that wait where they are enough."""
        owner = tuple(sorted((name, str(value)) for name, value in ids.items()))
        waiting = self._waiting.setdefault(owner, [])
        waiting.append(messages)
        if len(waiting) >= self._config.store_after_turns:
            await self._all(owner)

    async def flush(self) -> None:
        for owner in list(self._waiting):
            await self._all(owner)

    async def keep(self, messages: list[ModelMessage], ids: Ids) -> list[StoredMemory]:
        """At once. Errors rise where the provider has any."""
        metadata = dict(self._config.metadata)
        if isinstance(self._provider, GatewayMemoryProvider):
            return await self._provider.remember(messages, **ids, metadata=metadata)
        return await self._provider.store_memories(messages, **ids, metadata=metadata)

    async def _all(self, owner: tuple[tuple[str, str], ...]) -> None:
        turns = self._waiting.pop(owner, [])
        messages = [message for turn in turns for message in turn][-_LONGEST:]
        if not messages:
            return
        try:
            await self.keep(messages, cast("Ids", dict(owner)))
        except GatewayError as error:
            # What was kept of them before is known to the gateway, and is not kept again.
            self._waiting[owner] = [messages, *self._waiting.get(owner, [])]
            _log.error("not kept yet, the agent goes on", extra={"path": error.path, "code": error.code})
