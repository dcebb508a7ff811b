"""Long-term memory: FastAgentic's MemoryProvider over a gateway. Every call names the user, and no other's is met."""

import logging
from collections.abc import Sequence
from typing import Any, Final, cast

from fastagentic.hooks.base import Hook
from fastagentic.memory import MemoryProvider

from gateway.client import AsyncGateway, Away, NotFound, replies
from gateway.client.frameworks.fastagentic.hooks import Skipped, after_search, before_add

LARGEST: Final = 100

_log = logging.getLogger("gateway.client")


class GatewayProvider(MemoryProvider):
    """What is shown is a dict with `id`, `content` and `memory` (the same text), `score`, `metadata` and times; what was
    kept as messages has them under `messages`. A search while the gateway is away finds nothing: the agent goes on."""

    def __init__(self, gateway: AsyncGateway, *, hooks: Sequence[Hook] = ()) -> None:
        self._gateway = gateway
        self._hooks = tuple(hooks)

    async def add(
        self,
        user_id: str,
        content: str | list[dict[str, Any]] | None = None,
        metadata: dict[str, Any] | None = None,
        *,
        messages: list[dict[str, Any]] | None = None,
        idempotency_key: str | None = None,
    ) -> str:
        """The id; "" where a hook skips. `messages` is another name for a content of messages, kept as one memory."""
        given = content if content is not None else messages
        if given is None:
            raise ValueError("give content or messages")
        try:
            kept = await self._hooked(user_id, given)
        except Skipped:
            return ""
        added = await self._gateway.user(user_id).memories.add(kept, metadata=metadata, idempotency_key=idempotency_key)
        return added.id

    async def search(
        self,
        user_id: str,
        query: str,
        limit: int = 10,
        filters: dict[str, Any] | None = None,
        *,
        strategy: str | None = None,
        min_relevance: float | None = None,
        time_window_hours: float | None = None,
    ) -> list[dict[str, Any]]:
        """The best first."""
        try:
            found = await self._gateway.user(user_id).memories.search(
                query,
                top_k=limit,
                filters=filters,
                strategy=strategy,
                min_relevance=min_relevance,
                time_window_hours=time_window_hours,
            )
        except Away as error:
            _log.warning("searched while the gateway is away", extra={"code": error.code})
            return []
        try:
            return await after_search(self._hooks, user_id, query, [shown(each) for each in found])
        except Skipped:
            return []

    async def get(self, user_id: str, memory_id: str) -> dict[str, Any] | None:
        try:
            return shown(await self._gateway.user(user_id).memories.get(memory_id))
        except NotFound:
            return None

    async def get_all(self, user_id: str, limit: int = 100) -> list[dict[str, Any]]:
        """The newest first."""
        found: list[dict[str, Any]] = []
        cursor: str | None = None
        while len(found) < limit:
            page = await self._gateway.user(user_id).memories.list(
                limit=min(LARGEST, limit - len(found)), cursor=cursor
            )
            found += [shown(each) for each in page]
            cursor = page.cursor
            if cursor is None:
                break
        return found

    async def update(
        self,
        user_id: str,
        memory_id: str,
        content: str | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        """ValueError where there is none; `metadata` is merged key by key."""
        memories = self._gateway.user(user_id).memories
        try:
            if content is None:
                await memories.update(memory_id, metadata=metadata)
            else:
                await memories.update(memory_id, content=content, metadata=metadata)
        except NotFound:
            raise ValueError(f"Memory {memory_id} not found") from None

    async def delete(self, user_id: str, memory_id: str) -> None:
        await self._gateway.user(user_id).memories.delete(memory_id)

    async def delete_all(self, user_id: str) -> int:
        return (await self._gateway.user(user_id).memories.delete_all()).deleted

    async def block(self, user_id: str, query: str, **how: Any) -> tuple[str, list[dict[str, Any]]]:
        """What a prompt is given: the text that the route's template makes of the memories, and these."""
        try:
            found = await self._gateway.user(user_id).memories.context(query, **how)
        except Away as error:
            _log.warning("searched while the gateway is away", extra={"code": error.code})
            return "", []
        plain = [shown(each) for each in found.memories]
        try:
            left = await after_search(self._hooks, user_id, query, [*plain])
        except Skipped:
            return "", []
        return (found.text if left == plain else "\n".join(f"- {each['content']}" for each in left)), left

    async def _hooked(self, user_id: str, given: str | list[dict[str, Any]]) -> str | list[dict[str, Any]]:
        """Hooks see texts: of messages, that of each."""
        if isinstance(given, str):
            return await before_add(self._hooks, user_id, given)
        kept: list[dict[str, Any]] = []
        for message in given:
            text = message.get("content")
            kept.append(
                {**message, "content": await before_add(self._hooks, user_id, text)}
                if isinstance(text, str)
                else message
            )
        return kept


def shown(memory: replies.Memory | replies.Found) -> dict[str, Any]:
    content: Any = memory.content
    text = content if isinstance(content, str) else _text(content)
    return {
        "id": memory.id,
        "content": text,
        "memory": text,
        "metadata": memory.metadata,
        "user_id": memory.user_id,
        "created_at": memory.created_at.isoformat(),
        "updated_at": memory.updated_at.isoformat(),
        **({"score": memory.score, "relevance": memory.relevance} if isinstance(memory, replies.Found) else {}),
        **({} if isinstance(content, str) else {"messages": content}),
    }


def _text(content: Any) -> str:
    """One message as its text, several as lines of a dialogue; anything else as it is."""
    if not isinstance(content, list):
        return str(content)
    parts: list[Any] = cast("list[Any]", content)
    messages: list[dict[str, Any]] = [each if isinstance(each, dict) else {"content": each} for each in parts]
    said = [str(each.get("content", "")) for each in messages]
    if len(said) == 1:
        return said[0]
    return "\n".join(f"{each.get('role', '')}: {text}" for each, text in zip(messages, said, strict=True))
