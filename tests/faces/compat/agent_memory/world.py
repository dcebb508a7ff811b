"""The agent-memory client for a tenant on a backend. It sends no credentials: the address has the key, and the route."""

import warnings
from typing import Any

from agent_memory_client import MemoryAPIClient, MemoryClientConfig, create_memory_client

from tests.faces.compat.place import Place

CLASSES = ("MemoryAPIClient",)
warnings.filterwarnings("ignore", category=DeprecationWarning, module="agent_memory_client")


class World:
    def __init__(self, place: Place, backend: str) -> None:
        self.place = place
        self.backend = backend
        self.made: list[MemoryAPIClient] = []

    async def client(self, key: str = "all", tenant: str = "", route: str = "", **config: Any) -> MemoryAPIClient:
        url = self.place.at(f"{self.backend}{tenant}", key, route)
        client = (
            await create_memory_client(url)
            if not config
            else MemoryAPIClient(MemoryClientConfig(base_url=url, **config))
        )
        self.made.append(client)
        return client

    async def close(self) -> None:
        for client in self.made:
            await client.close()
