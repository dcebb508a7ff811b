"""LangGraph's checkpointer over a gateway. Every method there is, blocking and awaited, does the same steps.

Whose threads they are is the client's: `GatewaySaver(gateway.user("ann"))`. A thread is a run of that owner.
"""

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from typing import Any, TypeVar

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import (
    BaseCheckpointSaver,
    ChannelVersions,
    Checkpoint,
    CheckpointMetadata,
    CheckpointTuple,
    DeltaChannelHistory,
)
from langgraph.checkpoint.serde.base import SerializerProtocol

from gateway.client import AsyncGateway, Gateway
from gateway.client.frameworks.langgraph.asking import Asking, Query
from gateway.client.frameworks.langgraph.rows import named_id
from gateway.client.frameworks.langgraph.steps import Doer, Steps

V = TypeVar("V", int, float, str)


class GatewaySaver(BaseCheckpointSaver[int]):
    """With a Gateway, for graphs that are invoked and graphs that are awaited; with an AsyncGateway, for the latter."""

    def __init__(
        self,
        gateway: Gateway | AsyncGateway,
        *,
        serde: SerializerProtocol | None = None,
        ttl_seconds: float | None = None,
    ) -> None:
        """`ttl_seconds`: how long what is put from now on lives, unless its route has it end earlier."""
        super().__init__(serde=serde)
        self._doer = Doer(gateway)
        self._ttl_seconds = ttl_seconds

    @property
    def _asking(self) -> Asking:
        return Asking(self.serde, self._ttl_seconds)  # copies of this object may have another serializer

    def put(
        self,
        config: RunnableConfig,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,
    ) -> RunnableConfig:
        return self._doer.now(self._asking.put(config, checkpoint, metadata))

    async def aput(
        self,
        config: RunnableConfig,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,
    ) -> RunnableConfig:
        return await self._doer.soon(self._asking.put(config, checkpoint, metadata))

    def put_writes(
        self, config: RunnableConfig, writes: Sequence[tuple[str, Any]], task_id: str, task_path: str = ""
    ) -> None:
        self._doer.now(self._asking.put_writes(config, writes, task_id, task_path))

    async def aput_writes(
        self, config: RunnableConfig, writes: Sequence[tuple[str, Any]], task_id: str, task_path: str = ""
    ) -> None:
        await self._doer.soon(self._asking.put_writes(config, writes, task_id, task_path))

    def get_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        return self._doer.now(self._asking.get_tuple(config))

    async def aget_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        return await self._doer.soon(self._asking.get_tuple(config))

    def list(
        self,
        config: RunnableConfig | None,
        *,
        filter: dict[str, Any] | None = None,  # noqa: A002 - LangGraph's word
        before: RunnableConfig | None = None,
        limit: int | None = None,
    ) -> Iterator[CheckpointTuple]:
        listing = _Listing(_query(config, filter, before), limit)
        while listing.more:
            yield from listing.take(self._doer.now(listing.steps(self._asking)))

    async def alist(
        self,
        config: RunnableConfig | None,
        *,
        filter: dict[str, Any] | None = None,  # noqa: A002 - LangGraph's word
        before: RunnableConfig | None = None,
        limit: int | None = None,
    ) -> AsyncIterator[CheckpointTuple]:
        listing = _Listing(_query(config, filter, before), limit)
        while listing.more:
            for each in listing.take(await self._doer.soon(listing.steps(self._asking))):
                yield each

    def delete_thread(self, thread_id: str) -> None:
        self._doer.now(self._asking.delete_thread(thread_id))

    async def adelete_thread(self, thread_id: str) -> None:
        await self._doer.soon(self._asking.delete_thread(thread_id))

    def delete_for_runs(self, run_ids: Sequence[str]) -> None:
        self._doer.now(self._asking.delete_for_runs(run_ids))

    async def adelete_for_runs(self, run_ids: Sequence[str]) -> None:
        await self._doer.soon(self._asking.delete_for_runs(run_ids))

    def copy_thread(self, source_thread_id: str, target_thread_id: str) -> None:
        self._doer.now(self._asking.copy_thread(source_thread_id, target_thread_id))

    async def acopy_thread(self, source_thread_id: str, target_thread_id: str) -> None:
        await self._doer.soon(self._asking.copy_thread(source_thread_id, target_thread_id))

    def prune(self, thread_ids: Sequence[str], *, strategy: str = "keep_latest") -> None:
        for thread_id in thread_ids:
            self._doer.now(self._pruning(thread_id, strategy))

    async def aprune(self, thread_ids: Sequence[str], *, strategy: str = "keep_latest") -> None:
        for thread_id in thread_ids:
            await self._doer.soon(self._pruning(thread_id, strategy))

    def get_delta_channel_history(
        self, *, config: RunnableConfig, channels: Sequence[str]
    ) -> Mapping[str, DeltaChannelHistory]:
        return self._doer.now(self._asking.history(config, channels))

    async def aget_delta_channel_history(
        self, *, config: RunnableConfig, channels: Sequence[str]
    ) -> Mapping[str, DeltaChannelHistory]:
        return await self._doer.soon(self._asking.history(config, channels))

    def _pruning(self, thread_id: str, strategy: str) -> Steps[None]:
        if strategy == "delete":
            return self._asking.delete_thread(thread_id)
        if strategy == "keep_latest":
            return self._asking.prune(thread_id)
        raise ValueError(f"no strategy {strategy!r}; known: keep_latest, delete")


class _Listing:
    """How far a list has come."""

    def __init__(self, query: Query, limit: int | None) -> None:
        self._query = query
        self._left = limit
        self._cursor: str | None = None
        self.more = limit is None or limit > 0

    def steps(self, asking: Asking) -> Steps[tuple[list[CheckpointTuple], str | None]]:
        return asking.page(self._query, self._cursor, 20 if self._left is None else self._left)

    def take(self, page: tuple[list[CheckpointTuple], str | None]) -> list[CheckpointTuple]:
        found, self._cursor = page
        if self._left is not None:
            found = found[: self._left]
            self._left -= len(found)
        self.more = self._cursor is not None and self._left != 0
        return found


def _query(
    config: RunnableConfig | None,
    filter_: dict[str, Any] | None,
    before: RunnableConfig | None,
) -> Query:
    named = config.get("configurable", {}) if config else {}
    return Query(
        thread=named.get("thread_id"),
        ns=named.get("checkpoint_ns"),
        id=named_id(config),
        before=named_id(before),
        filter=filter_ or {},
    )
