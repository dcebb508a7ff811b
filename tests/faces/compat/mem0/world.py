"""One gateway process with tenants on SQLite and on Redis, and mem0's clients for any of them.

Blocking and awaiting clients are called in one way, so each case is written once.
"""

import asyncio
import inspect
import os
import uuid
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Literal, TypeAlias

from gateway.auth.keys import hash_key, new_key
from tests.faces.compat.mem0.library import mem0
from tests.gateways import process
from tests.servers.redis import redis

Kind: TypeAlias = Literal["MemoryClient", "AsyncMemoryClient"]

BACKENDS = ("sqlite", "redis")
KINDS: tuple[Kind, Kind] = ("MemoryClient", "AsyncMemoryClient")
TENANT = """
  {name}:
    auth:
      api_keys:
        - {{id: all, hash: "sha256:{all}", roles: [reader, writer, eraser]}}
        - {{id: bound, hash: "sha256:{bound}", roles: [reader, writer, eraser], user: ada}}
        - {{id: reader, hash: "sha256:{reader}", roles: [reader]}}
    routes:
      memories: {{default: true, chain: {chain}, scope: {{any_of: [user, agent, run]}}}}
      kept: {{match: {{user: [vip-*]}}, chain: {chain}, space: kept}}
"""
KEYS = ("all", "bound", "reader")
SPARE = """
  {name}:
    auth:
      api_keys:
        - {{id: all, hash: "sha256:{all}", roles: [reader, writer, eraser]}}
        - {{id: bound, hash: "sha256:{bound}", roles: [reader, writer, eraser], user: ada}}
        - {{id: reader, hash: "sha256:{reader}", roles: [reader]}}
    routes: {{memories: {{default: true, chain: sqlite, {route}}}}}
"""
ANY = "scope: {any_of: [user, agent, run]}"
ROUTES = {  # what a spare tenant's route says, and how many such tenants there are
    "any": (ANY, 60),
    "user": ("scope: user", 2),
    "noted": ("scope: {require: [user], context: [agent]}", 2),
    "header": (f'{ANY}, identity: {{user: "{{header.x-user}}"}}', 2),
}


class Side:
    """The gateway, and the keys of its tenants by tenant and name."""

    def __init__(self, url: str, keys: dict[tuple[str, str], str]) -> None:
        self.url = url
        self.keys = keys
        self.made: dict[str, Calling] = {}  # by key; blocking clients belong to no event loop
        self._spare = {route: iter(range(count)) for route, (_, count) in ROUTES.items()}

    def fresh(self, route: str = "any") -> dict[str, str]:
        """The keys, by name, of a tenant that nobody has used yet."""
        tenant = f"{route}-{next(self._spare[route])}"
        return {name: self.keys[tenant, name] for name in KEYS}


class World:
    """What a case has: a client of its kind for a tenant on its backend, and names that nobody else uses."""

    def __init__(self, side: Side, backend: str, kind: Kind) -> None:
        self.url = side.url
        self.backend = backend
        self.kind: Kind = kind
        self._side = side

    def key(self, name: str = "all", tenant: str = "") -> str:
        return self._side.keys[f"{self.backend}{tenant}", name]

    async def client(self, key: str = "all", tenant: str = "") -> "Calling":
        """`tenant` is "" for the one that all share, "-other", or "-reset" for one of this kind's own."""
        own = f"{tenant}-{self.kind.lower()}" if tenant == "-reset" else tenant
        text = self.key(key, own)
        known: Calling | None = self._side.made.get(text)
        if known is not None and self.kind == "MemoryClient":
            return known
        return await self._made(text)

    async def _made(self, key: str) -> "Calling":
        client = await Calling.made(self.kind, key, self.url)
        if self.kind == "MemoryClient":
            self._side.made[key] = client
        return client

    def name(self, prefix: str = "u") -> str:
        return f"{prefix}-{uuid.uuid4().hex[:12]}"


class Calling:
    """A client whose every method is awaited, whatever its kind; `project.get` by that name."""

    def __init__(self, client: Any) -> None:
        self.client = client

    @classmethod
    async def made(cls, kind: Kind, key: str, url: str) -> "Calling":
        return cls(await asyncio.to_thread(getattr(mem0, kind), api_key=key, host=url))

    async def __call__(self, method: str, *arguments: Any, **named: Any) -> Any:
        found: Any = self.client
        for step in method.split("."):
            found = getattr(found, step)
        if inspect.iscoroutinefunction(found):
            return await found(*arguments, **named)
        return await asyncio.to_thread(found, *arguments, **named)


@contextmanager
def side(home: Path) -> Generator[Side]:
    with ExitStack() as stack:
        url = stack.enter_context(redis(home / "redis"))["url"]
        keys: dict[tuple[str, str], str] = {}
        tenants: list[str] = []
        for backend in BACKENDS:
            for suffix in ("", "-other", *(f"-reset-{kind.lower()}" for kind in KINDS)):
                name = f"{backend}{suffix}"
                tenants.append(TENANT.format(name=name, chain=backend, **_hashes(name, keys)))
        for kind, (route, count) in ROUTES.items():
            for number in range(count):
                name = f"{kind}-{number}"
                tenants.append(SPARE.format(name=name, route=route, **_hashes(name, keys)))
        config = home / "gateway.yaml"
        config.write_text(
            "version: 1\nfaces: {mem0: true}\nproviders:\n"
            "  sqlite: {type: sqlite, path: memories.db}\n"
            f"  redis: {{type: redis, url: '{url}'}}\n"
            "tenants:" + "".join(tenants)
        )
        yield Side(stack.enter_context(process(config)).url, keys)


def _hashes(tenant: str, keys: dict[tuple[str, str], str]) -> dict[str, str]:
    """New keys for a tenant, noted; what the file holds of them."""
    made = {name: new_key(os.urandom).text for name in KEYS}
    keys.update({(tenant, name): text for name, text in made.items()})
    return {name: hash_key(text) for name, text in made.items()}
