"""A gateway with sessions, spoken to."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from tests.gateways import Gateway

TEXT = """
version: 1
providers:
  main: {{type: {provider}}}
  cold: {{type: folder, path: cold, embedder: none}}
{more}
tenants:
  demo:
    auth: {{mode: open}}
    routes:
      chat:
        default: true
        kinds: [message]
        chain: main
        session: {{{session}}}
        retention: {{{retention}}}
"""


def configured(session: str = "", retention: str = "", more: str = "", provider: str = "memory, embedder: none") -> str:
    text = TEXT.format(session=session, retention=retention, more=more, provider=provider)
    return text if "archive:" in retention else text.replace("  cold: {type: folder, path: cold, embedder: none}\n", "")


async def say(gateway: Gateway, *messages: Any, run: str = "s1", **more: Any) -> None:
    told: list[Any] = [each if isinstance(each, dict) else {"role": "user", "content": each} for each in messages]
    for start in range(0, len(told), 50):
        reply = await gateway.post(
            f"/v1/sessions/{run}/messages", {"user_id": "ann", "messages": told[start : start + 50]}, **more
        )
        assert reply.status_code == 201, reply.text


async def said(gateway: Gateway, run: str = "s1") -> list[Any]:
    reply = await gateway.get(f"/v1/sessions/{run}/messages", params={"user_id": "ann", "limit": 200})
    assert reply.status_code == 200, reply.text
    return [each["content"] for each in reply.json()["messages"]]


async def window(gateway: Gateway, run: str = "s1", **more: Any) -> list[dict[str, Any]]:
    reply = await gateway.get(f"/v1/sessions/{run}/context", params={"user_id": "ann", **more})
    assert reply.status_code == 200, reply.text
    return [each["message"] for each in reply.json()["messages"]]


async def until(what: Callable[[], Awaitable[bool]], seconds: float = 10.0) -> None:
    async with asyncio.timeout(seconds):
        while not await what():  # noqa: ASYNC110 - what is waited for signals nothing
            await asyncio.sleep(0.02)
