"""LangGraph's SDK for a tenant on a backend: blocking and awaiting clients, called in one way."""

import asyncio
import inspect
from typing import Any, Literal, TypeAlias

from langgraph_sdk import get_client, get_sync_client

from tests.faces.compat.place import Place

Kind: TypeAlias = Literal["get_client", "get_sync_client"]
KINDS: tuple[Kind, Kind] = ("get_client", "get_sync_client")


class World:
    def __init__(self, place: Place, backend: str, kind: Kind) -> None:
        self.place = place
        self.backend = backend
        self.kind: Kind = kind

    def client(self, key: str = "all", tenant: str = "", route: str = "store") -> "Calling":
        url = f"{self.place.url}/r/{route}" if route else self.place.url
        make: Any = get_client if self.kind == "get_client" else get_sync_client
        return Calling(make(url=url, api_key=self.place.keys[f"{self.backend}{tenant}", key]))


class Calling:
    """A client whose every method is awaited; `store.put_item` by that name."""

    def __init__(self, client: Any) -> None:
        self.client = client

    async def __call__(self, method: str, *arguments: Any, **named: Any) -> Any:
        found: Any = self.client
        for step in method.split("."):
            found = getattr(found, step)
        if inspect.iscoroutinefunction(found):
            return await found(*arguments, **named)
        return await asyncio.to_thread(found, *arguments, **named)
