"""LangGraph's store over a gateway: get, put, search, delete and namespaces, blocking and awaited, one at a time or in
batches. Items are memories, so what else the gateway's policy does to memories it does to them.

Whose items they are is the client's: `GatewayStore(gateway.user("ann"))`. Namespaces are within that.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from langgraph.store.base import BaseStore, Op, Result, TTLConfig

from gateway.client import AsyncGateway, Gateway
from gateway.client.frameworks.langgraph.steps import Doer
from gateway.client.frameworks.langgraph.storing import Storing


class GatewayStore(BaseStore):
    """What finds items by a query is the route's strategy and embedder; nothing is embedded here."""

    supports_ttl = True

    def __init__(
        self,
        gateway: Gateway | AsyncGateway,
        *,
        fields: Sequence[str] | None = None,
        ttl: TTLConfig | None = None,
    ) -> None:
        """`fields`: paths to what items are found by, unless a put names its own; without, every text in them."""
        self.ttl_config = ttl
        self._doer = Doer(gateway)
        self._storing = Storing(self._doer.owner, fields, lambda: datetime.now(UTC))

    def batch(self, ops: Iterable[Op]) -> list[Result]:
        return self._doer.now(self._storing.batch(ops))

    async def abatch(self, ops: Iterable[Op]) -> list[Result]:
        return await self._doer.soon(self._storing.batch(ops))
