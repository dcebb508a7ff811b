"""An assistant of FastAgentic that remembers each of its users, over a gateway.

    memory-gateway serve examples/fastagentic/gateway.yaml
    python examples/fastagentic/assistant.py http://127.0.0.1:8080 ann "My favourite editor is Helix"
    python examples/fastagentic/assistant.py http://127.0.0.1:8080 ann "Which editor is my favourite?"

It asks its own App as a client of it would; `uvicorn` serves `create_app(...).fastapi` as well. The agent answers
offline, from the memories it is given: put one of yours in its place.
"""

import asyncio
import sys
from typing import Any

import httpx
from fastagentic import App

from gateway.client import AsyncGateway
from gateway.client.frameworks.fastagentic import GatewayProvider, GatewaySessionMemory, inject_memory, route


async def agent(body: dict[str, Any], ctx: Any) -> str:
    """`body["message"]` begins with the memories; `ctx.memories` has them one by one."""
    if not ctx.memories:
        return f"I have nothing on that yet: {body['message']}"
    return f"I remember: {ctx.memories[0]['messages'][0]['content']}"


def create_app(gateway: AsyncGateway) -> App:
    app = App(
        title="Assistant",
        memory=GatewayProvider(gateway),
        session_memory=GatewaySessionMemory(gateway),  # pyright: ignore[reportArgumentType] - annotated as the other one
        mcp_enabled=False,
        a2a_enabled=False,
    )
    route(app, "/chat", inject_memory(agent, strategy="relevant", max_memories=3, min_relevance=0.2))
    return app


async def main(url: str, user: str, message: str) -> None:
    async with AsyncGateway(url) as gateway:
        transport = httpx.ASGITransport(create_app(gateway).fastapi)
        async with httpx.AsyncClient(transport=transport, base_url="http://assistant") as http:
            headers = {"Authorization": f"Bearer {user}"}  # FastAgentic makes the user's id of the token
            reply = await http.post("/chat", json={"message": message}, headers=headers)
            print(reply.json()["result"])


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
