"""A gateway that speaks as mem0 does, asked with plain HTTP, as older and other clients ask."""

import os
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx

from gateway.auth.keys import hash_key, new_key
from gateway.config.catalog import Catalog
from tests.faces.compat.mem0.world import KEYS, ROUTES, SPARE, Side
from tests.gateways import Gateway, gateway

HEAD = "version: 1\nfaces: {mem0: true}\nproviders: {sqlite: {type: memory}}\ntenants:"


class Raw:
    """`ask` answers with the status and what was said. The key `other` is that of another tenant."""

    def __init__(self, http: httpx.AsyncClient, keys: Mapping[str, str]) -> None:
        self.http = http
        self.keys = keys

    async def ask(
        self, method: str, path: str, body: Any = None, *, key: str = "all", headers: Mapping[str, str] | None = None
    ) -> tuple[int, Any]:
        sent = {"Authorization": f"Token {self.keys[key]}", **(headers or {})}
        reply = await self.http.request(method, path, json=body, headers=sent)
        return reply.status_code, reply.json()

    async def add(self, text: str, key: str = "all", **named: Any) -> str:
        status, told = await self.ask("POST", "/v3/memories/add/", {"messages": text, **named}, key=key)
        assert status == 200, told
        return told["results"][0]["id"]

    async def texts(self, filters: Any, key: str = "all") -> set[str]:
        status, told = await self.ask("POST", "/v3/memories/", {"filters": filters}, key=key)
        assert status == 200, told
        return {each["memory"] for each in told["results"]}


@asynccontextmanager
async def over(side: Side, route: str = "any") -> AsyncGenerator[Raw]:
    """Over the gateway process: a tenant that nobody has used, and another one."""
    keys = {**side.fresh(route), "other": side.fresh(route)["all"]}
    async with httpx.AsyncClient(base_url=side.url, verify=False, timeout=30) as http:
        yield Raw(http, keys)


@asynccontextmanager
async def inside(home: Path, route: str = "any") -> AsyncGenerator[tuple[Raw, Gateway]]:
    """Over a gateway in this process, whose parts a test may take out."""
    made = {tenant: {name: new_key(os.urandom).text for name in KEYS} for tenant in ("acme", "other")}
    tenants = [
        SPARE.format(name=tenant, route=ROUTES[route][0], **{name: hash_key(text) for name, text in keys.items()})
        for tenant, keys in made.items()
    ]
    async with gateway(home, HEAD + "".join(tenants), catalog=Catalog.builtin()) as served:
        yield Raw(served.http, {**made["acme"], "other": made["other"]["all"]}), served
