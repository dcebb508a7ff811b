"""Clients that write side by side, lose their connection or their server, and send again what nobody acknowledged."""

import asyncio
import hashlib
import random
from collections.abc import Callable
from typing import Any

import httpx
import msgspec

from tests.gateways import Process


class Write(msgspec.Struct, frozen=True):
    """One logical write. Everything about it follows from its number, so a torn one is seen."""

    number: int

    @property
    def key(self) -> str:
        return f"write-{self.number}"

    @property
    def user(self) -> str:
        return f"user-{self.number % 7}"

    def body(self) -> dict[str, Any]:
        text = f"{self.number} " + hashlib.sha256(str(self.number).encode()).hexdigest() * (1 + self.number % 40)
        return {"content": text, "metadata": {"number": self.number, "length": len(text)}}


class Writers:
    """Writes numbers 0, 1, 2, ... until each is acknowledged. `keyed` is whether they carry an Idempotency-Key."""

    def __init__(self, rng: random.Random, *, keyed: bool, patience: float = 5) -> None:
        self._rng = rng
        self._keyed = keyed
        self._patience = patience
        self._next = 0
        self._again: list[Write] = []
        self.acknowledged: dict[int, str] = {}
        self.replayed = 0
        self.retried = 0

    async def write(self, process: Process, until: int, then: Callable[[], None], clients: int = 8) -> None:
        """Until so many are acknowledged; then `then` is called while others are still under way, and all stop."""
        stop = asyncio.Event()
        limits = httpx.Limits(max_connections=clients)
        async with httpx.AsyncClient(base_url=process.url, limits=limits) as http:

            async def one() -> None:
                while not stop.is_set():
                    await self._send(http, self._take())
                    if len(self.acknowledged) >= until and not stop.is_set():
                        stop.set()
                        then()

            await asyncio.gather(*(one() for _ in range(clients)))

    async def finish(self, process: Process) -> None:
        """Sends what is still not acknowledged."""
        async with httpx.AsyncClient(base_url=process.url) as http:
            while self._again:
                await self._send(http, self._again.pop(), hurried=False)

    def _take(self) -> Write:
        if self._again:
            self.retried += 1
            return self._again.pop(0)
        self._next += 1
        return Write(self._next - 1)

    async def _send(self, http: httpx.AsyncClient, write: Write, *, hurried: bool = True) -> None:
        # Some clients give up at once: their request may have been done or not, and they cannot know.
        timeout = 0.004 if hurried and self._rng.random() < 0.05 else self._patience
        headers = {"Idempotency-Key": write.key} if self._keyed else {}
        body = {"user_id": write.user, **write.body()}
        try:
            got = await http.post("/v1/memories", json=body, headers=headers, timeout=timeout)
        except httpx.TransportError:
            self._again.append(write)
            return
        assert got.status_code == 201, got.text
        self.replayed += got.json()["replayed"]
        self.acknowledged[write.number] = got.json()["id"]


async def stored(process: Process) -> dict[str, dict[str, Any]]:
    """Everything there is, by id, read page by page."""
    found: dict[str, dict[str, Any]] = {}
    async with httpx.AsyncClient(base_url=process.url, timeout=30) as http:
        for user in sorted({Write(n).user for n in range(7)}):
            cursor = None
            while True:
                params = {"user_id": user, "limit": "200"} | ({"cursor": cursor} if cursor else {})
                page = (await http.get("/v1/memories", params=params)).json()
                found |= {each["id"]: each for each in page["memories"]}
                cursor = page["cursor"]
                if cursor is None:
                    break
    return found
