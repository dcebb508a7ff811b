"""One gateway process that speaks as agent-memory and as LangGraph's store do, with tenants on SQLite and on Redis.

Every case gets keys of tenants that others use too, and names that nobody else uses.
"""

import os
import uuid
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from gateway.auth.keys import hash_key, new_key
from tests.gateways import process
from tests.servers.redis import redis

BACKENDS = ("sqlite", "redis")
KEYS = {
    "all": "roles: [reader, writer, eraser]",
    "bound": "roles: [reader, writer, eraser], user: ada",
    "reader": "roles: [reader]",
    "writer": "roles: [reader, writer]",
}
TENANT = """
  {name}:
    auth:
      api_keys:{keys}
    routes:
      memories: {{default: true, chain: {chain}, scope: {{any_of: [user, agent, run]}}}}
      sessions: {{default: true, kinds: [message], chain: {chain}, scope: {{allow: [user, agent]}}}}
      shared: {{chain: {chain}, scope: {{allow: [user, agent, run]}}, space: shared}}
      store: {{chain: {chain}, scope: global, space: store}}
      noted: {{kinds: [memory, message], chain: {chain}, scope: {{context: [user, agent]}}, space: noted}}
      claimed:
        kinds: [memory, message]
        chain: {chain}
        scope: {{require: [user], allow: [agent, run]}}
        identity: {{user: "{{header.x-user}}"}}
"""


class Place:
    """The gateway, and the keys of its tenants, by tenant and name."""

    def __init__(self, url: str, keys: dict[tuple[str, str], str]) -> None:
        self.url = url
        self.keys = keys

    def at(self, tenant: str, key: str = "all", route: str = "") -> str:
        """Where a client that can send neither goes."""
        return f"{self.url}/t/{self.keys[tenant, key]}" + (f"/r/{route}" if route else "")


def named(prefix: str = "u") -> str:
    return f"{prefix}-{uuid.uuid4().hex[:12]}"


def tenant(name: str, chain: str, keys: dict[tuple[str, str], str]) -> str:
    """The lines of a tenant with new keys, which are noted."""
    made = {key: new_key(os.urandom).text for key in KEYS}
    keys.update({(name, key): text for key, text in made.items()})
    lines = "".join(
        f'\n        - {{id: {key}, hash: "sha256:{hash_key(text)}", {KEYS[key]}}}' for key, text in made.items()
    )
    return TENANT.format(name=name, chain=chain, keys=lines)


@contextmanager
def place(home: Path) -> Generator[Place]:
    with ExitStack() as stack:
        url = stack.enter_context(redis(home / "redis"))["url"]
        keys: dict[tuple[str, str], str] = {}
        tenants = [tenant(f"{each}{suffix}", each, keys) for each in BACKENDS for suffix in ("", "-other", "-forget")]
        config = home / "gateway.yaml"
        config.write_text(
            "version: 1\nfaces: {agent_memory: true, langgraph: true}\nproviders:\n"
            "  sqlite: {type: sqlite, path: memories.db}\n"
            f"  redis: {{type: redis, url: '{url}'}}\n"
            "tenants:" + "".join(tenants)
        )
        yield Place(stack.enter_context(process(config)).url, keys)
