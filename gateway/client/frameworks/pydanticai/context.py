"""What a tool or a run asks of memory: the same four things by shorter names."""

from typing import Any

from pydantic_ai.messages import ModelMessage

from gateway.client.frameworks.pydanticai.words import MemoryProvider, RetrievedMemory, StoredMemory


class MemoryContext:
    def __init__(self, provider: MemoryProvider) -> None:
        self.provider = provider

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
            messages, user_id=user_id, agent_id=agent_id, run_id=run_id, metadata=metadata
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
