"""What a tool or a run asks of memory: the same four things by shorter names."""

from typing import Any

from pydantic_ai.messages import ModelMessage

from gateway.client.frameworks.pydanticai.words import MemoryConfig, MemoryProvider, RetrievedMemory, StoredMemory


class MemoryContext:
    """With a configuration, its metadata lies under that of each call: the call's own wins."""

    def __init__(self, provider: MemoryProvider, config: MemoryConfig | None = None) -> None:
        self.provider = provider
        self._metadata = dict(config.metadata) if config is not None else {}

    async def search(
        self,
        query: str,
        *,
        user_id: str | None = None,
        agent_id: str | None = None,
        run_id: str | None = None,
        top_k: int = 5,
        metadata: dict[str, Any] | None = None,
    ) -> list[RetrievedMemory]:
        return await self.provider.retrieve_memories(
            query, user_id=user_id, agent_id=agent_id, run_id=run_id, top_k=top_k, metadata=metadata
        )

    async def add(
        self,
        messages: list[ModelMessage],
        *,
        user_id: str | None = None,
        agent_id: str | None = None,
        run_id: str | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> list[StoredMemory]:
        return await self.provider.store_memories(
            messages, user_id=user_id, agent_id=agent_id, run_id=run_id, metadata=self._under(metadata)
        )

    async def get_all(
        self,
        *,
        user_id: str | None = None,
        agent_id: str | None = None,
        run_id: str | None = None,
        limit: int | None = None,
    ) -> list[RetrievedMemory]:
        return await self.provider.get_all_memories(user_id=user_id, agent_id=agent_id, run_id=run_id, limit=limit)

    async def delete(self, memory_id: str) -> bool:
        return await self.provider.delete_memory(memory_id)

    def _under(self, metadata: dict[str, Any] | None) -> dict[str, Any] | None:
        return {**self._metadata, **(metadata or {})} if self._metadata else metadata
