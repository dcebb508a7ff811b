"""The two ways of sending an Ask: one that blocks and one that awaits. All they decide is in `trying`.

Connections are made when they are needed, kept, and shared by every client that was bound from the first one.
"""

import asyncio
import random
import time
from collections.abc import Callable
from typing import Any, Final, TypeVar

import httpx
import msgspec

from gateway.client.errors import GatewayError
from gateway.client.operation import Ask, ScopeParts
from gateway.client.trying import Clock, Policy, Tries, answered, emptied, failed, refused

Reply = TypeVar("Reply")

CLOCK: Final = Clock(now=time.monotonic, chance=random.random)


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    """A read that was answered with nothing because something failed."""

    path: str
    code: str
    detail: str


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    base_url: str
    headers: dict[str, str]
    policy: Policy
    max_connections: int
    on_fault: Callable[[Fault], None]
    clock: Clock = CLOCK

    def url(self, ask: Ask[Any]) -> str:
        return self.base_url.rstrip("/") + ask.target()

    def sent(self, ask: Ask[Any], scope: ScopeParts) -> dict[str, Any]:
        """What both kinds of httpx client take."""
        body = ask.body(scope)
        headers = {"Idempotency-Key": ask.key} if ask.key else {}
        if body is not None:
            headers["Content-Type"] = "application/json"
        query = ask.query(scope)
        return {
            "method": ask.operation.method,
            "url": self.url(ask),
            "content": body,
            "headers": headers,
            **({"params": query} if query else {}),
        }

    def plugs(self) -> dict[str, Any]:
        limits = httpx.Limits(max_connections=self.max_connections, max_keepalive_connections=self.max_connections)
        return {"headers": self.headers, "limits": limits, "follow_redirects": False}

    def told(self, ask: Ask[Reply], response: httpx.Response) -> Reply:
        if not response.is_success:
            raise refused(ask, response.status_code, response.headers, response.content)
        reply, degraded = answered(ask, response.headers, response.content)
        if degraded:
            self.on_fault(Fault(path=ask.operation.path, code=degraded, detail="the gateway answered with nothing"))
        return reply

    def nothing(self, ask: Ask[Reply], error: GatewayError) -> Reply:
        reply = emptied(ask, error, self.policy)
        self.on_fault(Fault(path=ask.operation.path, code=error.code, detail=error.detail))
        return reply


class Wire:
    """Blocks. May be used from many threads."""

    def __init__(self, settings: Settings, transport: httpx.BaseTransport | None = None) -> None:
        self._settings = settings
        self._http = httpx.Client(**settings.plugs(), transport=transport)

    def send(self, ask: Ask[Reply], scope: ScopeParts) -> Reply:
        """The reply; GatewayError where there is none in the end."""
        settings = self._settings
        sent = settings.sent(ask, scope)
        tries = Tries(ask, settings.policy, settings.clock)
        try:
            while True:
                try:
                    return settings.told(ask, self._http.request(**sent, timeout=tries.seconds()))
                except httpx.TransportError as error:
                    pause = tries.again(failed(ask, error))
                except GatewayError as error:
                    pause = tries.again(error)
                time.sleep(pause)
        except GatewayError as error:
            return settings.nothing(ask, error)

    def close(self) -> None:
        self._http.close()


class AsyncWire:
    """Awaits. Connections belong to the event loop they were made in, so another loop gets its own."""

    def __init__(self, settings: Settings, transport: httpx.AsyncBaseTransport | None = None) -> None:
        self._settings = settings
        self._transport = transport
        self._http: httpx.AsyncClient | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    async def send(self, ask: Ask[Reply], scope: ScopeParts) -> Reply:
        """The reply; GatewayError where there is none in the end."""
        settings = self._settings
        sent = settings.sent(ask, scope)
        tries = Tries(ask, settings.policy, settings.clock)
        try:
            while True:
                try:
                    return settings.told(ask, await self._client().request(**sent, timeout=tries.seconds()))
                except httpx.TransportError as error:
                    pause = tries.again(failed(ask, error))
                except GatewayError as error:
                    pause = tries.again(error)
                await asyncio.sleep(pause)
        except GatewayError as error:
            return settings.nothing(ask, error)

    def _client(self) -> httpx.AsyncClient:
        loop = asyncio.get_running_loop()
        if self._http is None or self._loop is not loop:
            # Those of a loop that has ended cannot be closed any more; their sockets went with it.
            self._http = httpx.AsyncClient(**self._settings.plugs(), transport=self._transport)
            self._loop = loop
        return self._http

    async def close(self) -> None:
        if self._http is not None and self._loop is asyncio.get_running_loop():
            await self._http.aclose()
        self._http = None
