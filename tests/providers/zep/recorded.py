"""A door in front of the stand-in that notes each request as it comes over the wire, and may answer something else."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import uvicorn

from tests.servers import free_port
from tests.servers.zep.app import App
from tests.servers.zep.state import State

KEY = "z-very-secret-key"


class Request:
    def __init__(self, scope: Any) -> None:
        self.method: str = scope["method"]
        self.path: str = scope["path"]
        self.headers = {name.decode().lower(): value.decode() for name, value in scope["headers"]}


class Door:
    """`instead`: status and headers that are answered to everything."""

    def __init__(self, home: Path) -> None:
        self.requests: list[Request] = []
        self.instead: tuple[int, list[tuple[bytes, bytes]]] | None = None
        self.port = free_port()
        self._app = App(State(home / "journal.jsonl", 0.01), KEY)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/inner/zep/api/v4"

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.requests.append(Request(scope))
        if self.instead is not None:
            status, headers = self.instead
            await send({"type": "http.response.start", "status": status, "headers": headers})
            await send({"type": "http.response.body", "body": b'{"error": {"message": "no"}}'})
            return
        await self._app({**scope, "path": scope["path"].removeprefix("/inner/zep")}, receive, send)

    @property
    def server(self) -> dict[str, str]:
        return {"url": self.url, "api_key": KEY}


@asynccontextmanager
async def door(home: Path) -> AsyncGenerator[Door]:
    stands = Door(home)
    config = uvicorn.Config(stands, host="127.0.0.1", port=stands.port, log_level="error", lifespan="off")
    server = uvicorn.Server(config)
    task = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110 -- uvicorn has no event for it
        await asyncio.sleep(0.01)
    try:
        yield stands
    finally:
        server.should_exit = True
        await task
