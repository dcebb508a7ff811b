"""PydanticAI's memory provider over a gateway.

Ids that a call names replace those of the client; a call that names none means the client's own. Errors are what the
documentation has them be: nothing found and nothing kept, and a line in the log; with `on_error="raise"` they rise.
"""

import asyncio
import hashlib
import logging
from collections.abc import Mapping
from datetime import UTC
from typing import Any, Final, Literal, cast

import msgspec
from pydantic_ai.messages import ModelMessage

from gateway.client import AsyncGateway, GatewayError, Invalid, replies
from gateway.client.frameworks.pydanticai.spoken import Said, said
from gateway.client.frameworks.pydanticai.words import (
    BaseMemoryProvider,
    RetrievalStrategy,
    RetrievedMemory,
    StoredMemory,
)

STRATEGIES: Final = {
    RetrievalStrategy.SEMANTIC_SEARCH: "semantic",
    RetrievalStrategy.RECENCY: "recent",
    RetrievalStrategy.HYBRID: "hybrid",
}
_AT_ONCE: Final = 8
_KNOWN: Final = 1000

_log = logging.getLogger("gateway.client")


class GatewayMemoryProvider(BaseMemoryProvider):
    """`extract`: let the backend learn from messages in its own way, where it can, instead of keeping each text."""

    def __init__(
        self,
        gateway: AsyncGateway,
        *,
        extract: bool = False,
        keep_system: bool = False,
        keep_thinking: bool = False,
        on_error: Literal["empty", "raise"] = "empty",
    ) -> None:
        self._gateway = gateway
        self._extract = extract
        self._keep_system = keep_system
        self._keep_thinking = keep_thinking
        self._raises = on_error == "raise"
        self._owners: dict[str, AsyncGateway] = {}  # of memories that were shown: deleting names no owner

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
        return await self.recall(
            query, user_id=user_id, agent_id=agent_id, run_id=run_id, top_k=top_k, metadata=metadata
        )

    async def recall(  # noqa: PLR0913 - the documented ones, and two
        self,
        query: str,
        *,
        user_id: str | None = None,
        agent_id: str | None = None,
        run_id: str | None = None,
        top_k: int = 5,
        metadata: Mapping[str, Any] | None = None,
        strategy: RetrievalStrategy | None = None,
        min_relevance: float | None = None,
    ) -> list[RetrievedMemory]:
        """As `retrieve_memories`, and by which strategy and from which relevance on, where the route lets a request
        say so; where it does not, as the route has it."""
        client = self._of(user_id, agent_id, run_id)
        filters = {f"metadata.{key}": value for key, value in (metadata or {}).items()}
        asked: dict[str, Any] = {
            "strategy": STRATEGIES[strategy] if strategy is not None else None,
            "min_relevance": min_relevance,
            "top_k": top_k,
        }
        for _ in range(len(asked) + 1):
            try:
                found = await client.memories.search(query, filters=filters or None, **asked)
            except Invalid as error:
                if error.code != "override_not_allowed" or asked.get(error.at) is None:
                    return self._nothing(error)
                asked[error.at] = None
            except GatewayError as error:
                return self._nothing(error)
            else:
                # A route that decides by itself how many may give more than were asked for.
                return [self._shown(each, client, each.score) for each in found.results[:top_k]]
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
        """The same message again, whoever sends it along with a whole history, is not kept twice: NONE is said of it."""
        try:
            return await self.remember(messages, user_id=user_id, agent_id=agent_id, run_id=run_id, metadata=metadata)
        except GatewayError as error:
            return self._nothing(error)

    async def remember(
        self,
        messages: list[ModelMessage],
        *,
        user_id: str | None = None,
        agent_id: str | None = None,
        run_id: str | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> list[StoredMemory]:
        """As `store_memories`; errors rise, and what was kept before one stays, and is not kept again."""
        client = self._of(user_id, agent_id, run_id)
        texts = list(said(messages, system=self._keep_system, thinking=self._keep_thinking))
        about = dict(metadata or {})
        if self._extract:
            return await self._extracted(client, texts, about)
        stored: list[StoredMemory] = []
        for start in range(0, len(texts), _AT_ONCE):
            part = texts[start : start + _AT_ONCE]
            stored += await asyncio.gather(*[self._kept(client, each, about) for each in part])
        return stored

    async def get_all_memories(
        self,
        *,
        user_id: str | None = None,
        agent_id: str | None = None,
        run_id: str | None = None,
        limit: int | None = None,
    ) -> list[RetrievedMemory]:
        client = self._of(user_id, agent_id, run_id)
        found: list[RetrievedMemory] = []
        cursor: str | None = None
        try:
            while limit is None or len(found) < limit:
                page = await client.memories.list(limit=limit and limit - len(found), cursor=cursor)
                found += [self._shown(each, client, None) for each in page]
                cursor = page.cursor
                if cursor is None or limit is None:
                    break
        except GatewayError as error:
            return self._nothing(error)
        return found

    async def delete_memory(self, memory_id: str) -> bool:
        """Of whom it is: as this provider has shown or kept it, else as the client says."""
        try:
            return bool((await self._owners.get(memory_id, self._gateway).memories.delete(memory_id)).deleted)
        except GatewayError as error:
            self._nothing(error)
            return False

    def _of(self, user_id: str | None, agent_id: str | None, run_id: str | None) -> AsyncGateway:
        if user_id is None and agent_id is None and run_id is None:
            return self._gateway
        return self._gateway.scoped(user_id=user_id, agent_id=agent_id, run_id=run_id)

    async def _kept(self, client: AsyncGateway, each: Said, metadata: dict[str, Any]) -> StoredMemory:
        told = [sorted((name, str(value)) for name, value in client.scope.items()), *each[:2], str(each.at), metadata]
        key = None if each.at is None else hashlib.sha256(msgspec.json.encode(told, order="deterministic")).hexdigest()
        memory = await client.memories.add(each.text, role=each.role, metadata=metadata, idempotency_key=key)
        self._note(memory.id, client)
        event = "NONE" if memory.replayed else memory.event or "ADD"
        return StoredMemory(id=memory.id, memory=_text(memory.content), event=event, metadata=memory.metadata)

    async def _extracted(self, client: AsyncGateway, texts: list[Said], metadata: dict[str, Any]) -> list[StoredMemory]:
        if not texts:
            return []
        sent = [{"role": each.role, "content": each.text} for each in texts]
        learned = await client.memories.extract(sent, metadata=metadata)
        for each in learned.results:
            self._note(each.id, client)
        return [StoredMemory(id=i.id, memory=i.content, event=i.event, metadata=metadata) for i in learned.results]

    def _shown(
        self, memory: replies.Memory | replies.Found, client: AsyncGateway, score: float | None
    ) -> RetrievedMemory:
        self._note(memory.id, client)
        return RetrievedMemory(
            id=memory.id,
            memory=_text(memory.content),
            score=score,
            metadata=memory.metadata,
            created_at=memory.created_at.astimezone(UTC).isoformat(),
        )

    def _note(self, memory_id: str, client: AsyncGateway) -> None:
        self._owners.pop(memory_id, None)
        self._owners[memory_id] = client
        if len(self._owners) > _KNOWN:
            del self._owners[next(iter(self._owners))]

    def _nothing(self, error: GatewayError) -> list[Any]:
        if self._raises:
            raise error
        _log.error("memory failed, the agent goes on without", extra={"path": error.path, "code": error.code})
        return []


def _text(content: Any) -> str:
    """What can be read of a memory, however it was sent."""
    if isinstance(content, str):
        return content
    if isinstance(content, Mapping):
        of = cast("Mapping[str, Any]", content)
        return _text(of.get("content", of.get("text", ""))) or msgspec.json.encode(of).decode()
    if isinstance(content, list):
        return "\n".join(filter(None, map(_text, cast("list[Any]", content))))
    return "" if content is None else str(content)
