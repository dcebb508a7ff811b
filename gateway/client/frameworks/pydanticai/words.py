"""The memory interface of PydanticAI's documentation: what a provider does, what it gives back, how it is set."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol, runtime_checkable

from pydantic_ai.messages import ModelMessage


class RetrievalStrategy(StrEnum):
    SEMANTIC_SEARCH = "semantic_search"
    RECENCY = "recency"
    HYBRID = "hybrid"


class MemoryScope(StrEnum):
    USER = "user"
    AGENT = "agent"
    RUN = "run"
    GLOBAL = "global"


@dataclass
class RetrievedMemory:
    """`score` is None where nothing was ranked. `created_at` is ISO 8601, in UTC."""

    id: str
    memory: str
    score: float | None = None
    metadata: dict[str, Any] = field(default_factory=dict[str, Any])
    created_at: str | None = None


@dataclass
class StoredMemory:
    """`event`: ADD, UPDATE, DELETE, or NONE where it was known already."""

    id: str
    memory: str
    event: str = "ADD"
    metadata: dict[str, Any] = field(default_factory=dict[str, Any])


@dataclass
class MemoryConfig:
    """`min_relevance_score` None is the route's own. `memory_summary_in_system` False puts what is recalled beside the
    prompt instead."""

    auto_store: bool = True
    auto_retrieve: bool = True
    retrieval_strategy: RetrievalStrategy = RetrievalStrategy.SEMANTIC_SEARCH
    top_k: int = 5
    min_relevance_score: float | None = None
    store_after_turns: int = 1
    memory_summary_in_system: bool = True
    scope: MemoryScope = MemoryScope.USER
    metadata: dict[str, Any] = field(default_factory=dict[str, Any])


@runtime_checkable
class MemoryProvider(Protocol):
    """Keeps memories and finds them again. With no id named, those of nobody in particular are meant."""

    async def retrieve_memories(
        self,
        query: str,
        *,
        user_id: str | None = None,
        agent_id: str | None = None,
        run_id: str | None = None,
        top_k: int = 5,
        metadata: dict[str, Any] | None = None,
    ) -> list[RetrievedMemory]:
        """The best first, at most `top_k`, only those that have all of `metadata`."""
        ...

    async def store_memories(
        self,
        messages: list[ModelMessage],
        *,
        user_id: str | None = None,
        agent_id: str | None = None,
        run_id: str | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> list[StoredMemory]:
        """One entry for each memory that was kept."""
        ...

    async def get_all_memories(
        self,
        *,
        user_id: str | None = None,
        agent_id: str | None = None,
        run_id: str | None = None,
        limit: int | None = None,
    ) -> list[RetrievedMemory]:
        """The newest first; without a limit as many as the gateway gives at once."""
        ...

    async def delete_memory(self, memory_id: str) -> bool:
        """Whether it was there, and the caller's."""
        ...


class BaseMemoryProvider:
    """A provider that keeps nothing and finds nothing: a subclass says what it can do better."""

    async def retrieve_memories(
        self,
        query: str,
        *,
        user_id: str | None = None,
        agent_id: str | None = None,
        run_id: str | None = None,
        top_k: int = 5,
        metadata: dict[str, Any] | None = None,
    ) -> list[RetrievedMemory]:
        return []

    async def store_memories(
        self,
        messages: list[ModelMessage],
        *,
        user_id: str | None = None,
        agent_id: str | None = None,
        run_id: str | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> list[StoredMemory]:
        return []

    async def get_all_memories(
        self,
        *,
        user_id: str | None = None,
        agent_id: str | None = None,
        run_id: str | None = None,
        limit: int | None = None,
    ) -> list[RetrievedMemory]:
        return []

    async def delete_memory(self, memory_id: str) -> bool:
        return False
