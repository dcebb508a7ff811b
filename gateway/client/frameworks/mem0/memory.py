"""AsyncMemory as mem0's library has it: the same methods, the same shapes; what is sent goes to a gateway.

Where memories are kept, found by and learned with is said in the gateway's file, so there is no configuration here.
Failures of the gateway are those of `gateway.client`; what mem0 refuses by itself is refused in its words.
"""

from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any, Final, Self

from msgspec import UNSET

from gateway.client import AsyncGateway, NotFound
from gateway.client.frameworks.mem0 import asks
from gateway.client.frameworks.mem0.wanted import checked_filters, checked_numbers, owners, unowned, with_metadata
from gateway.client.operation import raw

LARGEST: Final = 1000
PROCEDURAL: Final = "procedural_memory"


class AsyncMemory:
    """`prompt`, `llm`, `rerank` and `explain` are taken and change nothing: no model is asked here. Expired memories are
    gone, so `show_expired` shows none. With `infer`, a backend that learns makes of the messages what it will; any other
    keeps each message that is not the system's."""

    def __init__(self, gateway: AsyncGateway) -> None:
        self._gateway = gateway

    @classmethod
    def from_config(cls, config_dict: Mapping[str, Any]) -> Self:
        """`{"base_url": ..., "api_key": ...}`, and whatever else an AsyncGateway takes."""
        unknown = {"vector_store", "llm", "embedder", "graph_store", "reranker", "history_db_path"} & set(config_dict)
        if unknown:
            raise ValueError(f"{', '.join(sorted(unknown))}: where memories are kept is said in the gateway's own file")
        return cls(AsyncGateway(**config_dict))

    async def add(  # noqa: PLR0913 - mem0's
        self,
        messages: str | Mapping[str, Any] | Sequence[Mapping[str, Any]],
        *,
        user_id: str | None = None,
        agent_id: str | None = None,
        run_id: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        timestamp: Any | None = None,
        expiration_date: Any | None = None,
        infer: bool = True,
        memory_type: str | None = None,
        prompt: str | None = None,
        llm: Any = None,
    ) -> dict[str, Any]:
        """`{"results": [{"id", "memory", "event", ...}]}`."""
        if memory_type not in (None, PROCEDURAL):
            raise ValueError(f"Invalid 'memory_type'. Please pass {PROCEDURAL} to create procedural memories.")
        whose = owners({"user_id": user_id, "agent_id": agent_id, "run_id": run_id})
        if not whose:
            raise unowned()
        values = {
            "messages": messages,
            "metadata": metadata,
            "timestamp": timestamp,
            "expiration_date": None if expiration_date is None else str(expiration_date),
            "infer": infer,
            **whose,
        }
        return await self._gateway.memories.send(asks.add(values))

    async def search(  # noqa: PLR0913 - mem0's
        self,
        query: str,
        *,
        top_k: int = 20,
        filters: Mapping[str, Any] | None = None,
        threshold: float | None = 0.1,
        rerank: bool = False,
        explain: bool = False,
        reference_date: Any | None = None,
        show_expired: bool = False,
        **kwargs: Any,
    ) -> dict[str, Any]:
        """`{"results": [...]}`, the best first, each with its `score`."""
        wanted = checked_filters(filters, kwargs, "search")
        checked_numbers(top_k, threshold)
        if not query.strip():
            raise ValueError("query cannot be empty or whitespace-only")
        if top_k == 0:
            return {"results": []}
        values = {"query": query, "top_k": top_k, "filters": wanted, "threshold": threshold}
        return await self._gateway.memories.send(asks.search(values))

    async def get_all(
        self,
        *,
        filters: Mapping[str, Any] | None = None,
        top_k: int = 20,
        show_expired: bool = False,
        **kwargs: Any,
    ) -> dict[str, Any]:
        """`{"results": [...]}`, the newest first."""
        wanted = checked_filters(filters, kwargs, "get_all")
        checked_numbers(top_k)
        found: list[dict[str, Any]] = []
        page, size = 1, min(top_k, LARGEST)
        while len(found) < top_k:
            values = {"filters": with_metadata(wanted), "page": page, "page_size": size}
            listed = await self._gateway.memories.send(asks.listed(values))
            found += [_item(each) for each in listed["results"]]
            page += 1
            if not listed.get("next"):
                break
        return {"results": found[:top_k]}

    async def get(self, memory_id: str) -> dict[str, Any] | None:
        try:
            return _item(await self._gateway.memories.send(asks.get(memory_id)))
        except NotFound:
            return None

    async def update(
        self,
        memory_id: str,
        text: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        expiration_date: Any = UNSET,
        data: str | None = None,
    ) -> dict[str, str]:
        """`metadata` is merged; an `expiration_date` of None takes it away. ValueError where there is no such memory."""
        text = data if text is None else text
        if text is None and metadata is None and expiration_date is UNSET:
            raise ValueError("At least one of text, metadata, or expiration_date must be provided.")
        ends = expiration_date if expiration_date is UNSET else raw(expiration_date and str(expiration_date))
        values = {"text": text, "metadata": metadata, "expiration_date": ends}
        try:
            await self._gateway.memories.send(asks.update(memory_id, values))
        except NotFound:
            raise ValueError(f"Memory with id {memory_id} not found") from None
        return {"message": "Memory updated successfully!"}

    async def delete(self, memory_id: str) -> dict[str, str]:
        """ValueError where there is no such memory."""
        try:
            await self._gateway.memories.send(asks.delete(memory_id))
        except NotFound:
            raise ValueError(f"Memory with id {memory_id} not found") from None
        return {"message": "Memory deleted successfully!"}

    async def delete_all(
        self, user_id: str | None = None, agent_id: str | None = None, run_id: str | None = None
    ) -> dict[str, str]:
        whose = owners({"user_id": user_id, "agent_id": agent_id, "run_id": run_id})
        if not whose:
            raise ValueError(
                "At least one filter is required to delete all memories. "
                "If you want to delete all memories, use the `reset()` method."
            )
        await self._gateway.memories.send(asks.delete_all(dict(whose)))
        return {"message": "Memories deleted successfully!"}

    async def history(self, memory_id: str) -> list[dict[str, Any]]:
        """Oldest first: ADD, and what came after."""
        steps = await self._gateway.memories.send(asks.history(memory_id))
        return [{"actor_id": None, "role": None, **each} for each in steps]

    async def reset(self) -> None:
        """Deletes every memory that the gateway's key may name, on every route of its tenant."""
        await self._gateway.memories.send(asks.reset())

    def close(self) -> None:
        """Nothing: connections are the AsyncGateway's, and end with it."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        await self._gateway.close()


def _item(found: dict[str, Any]) -> dict[str, Any]:
    """mem0's items have a score wherever they come from."""
    return {"score": None, **found}
