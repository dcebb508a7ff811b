"""The same agent and the same provider, whatever keeps the memories: mem0, and a backend that learns in its own way."""

import hashlib
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import msgspec
import pytest
from pydantic_ai import Agent
from pydantic_ai.messages import ModelRequest, UserPromptPart

from gateway.client import AsyncGateway
from gateway.client.frameworks.pydanticai import GatewayMemory, GatewayMemoryProvider, StoredMemory
from gateway.config.catalog import Catalog
from tests.frameworks.pydanticai.conftest import Told
from tests.frameworks.pydanticai.learning import Learning
from tests.gateways import MEMORY, gateway
from tests.servers.mem0_platform import mem0_platform

LEARNING = """
version: 1
providers: {main: {type: learning, connection: here}}
tenants:
  default:
    auth: {mode: open}
    routes: {notes: {default: true, chain: main}}
"""
MEM0 = """
version: 1
providers: {{main: {{type: mem0, api_key: "${{env:TEST_MEM0_KEY}}", host: "{host}"}}}}
tenants:
  default:
    auth: {{mode: open}}
    routes: {{notes: {{default: true, chain: main}}}}
"""


@asynccontextmanager
async def serving(home: Path, text: str, catalog: Catalog | None = None) -> AsyncGenerator[AsyncGateway]:
    async with gateway(home, text, catalog=catalog) as served:
        transport = httpx.ASGITransport(app=served.app, raise_app_exceptions=False)
        async with AsyncGateway("http://localhost", transport=transport) as client:
            yield client


async def recalls(client: AsyncGateway, told: Told) -> list[str]:
    """What two agents say, made one after the other, and one of somebody else; what is kept is the same too."""
    provider = GatewayMemoryProvider(client, on_error="raise")
    said: list[str] = []
    for user, prompt in (("ann", "My name is Ada"), ("ann", "what is my name?"), ("eve", "what is my name?")):
        agent: Agent[None, str] = Agent(told.model, capabilities=[GatewayMemory(provider, user_id=user)])
        said.append((await agent.run(prompt)).output)
    kept = await provider.get_all_memories(user_id="ann")
    assert sorted(each.memory for each in kept) == ["My name is Ada", "You are Ada", "You are Ada", "what is my name?"]
    assert await provider.delete_memory(kept[0].id) is True
    return said


async def test_the_same_agent_recalls_whether_memories_are_kept_by_mem0_or_by_the_gateway(
    tmp_path: Path, told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    with mem0_platform(tmp_path) as platform:
        account = hashlib.sha256(str(tmp_path).encode()).hexdigest()[:12]
        monkeypatch.setenv("TEST_MEM0_KEY", platform["api_key"] + account)
        async with serving(tmp_path / "mem0", MEM0.format(host=platform["url"])) as client:
            of_mem0 = await recalls(client, told)
    async with serving(tmp_path / "own", MEMORY) as client:
        of_its_own = await recalls(client, told)
    assert of_mem0 == of_its_own == ["You are Ada", "You are Ada", "Who are you?"]


async def test_what_was_stored_says_what_the_backend_did(tmp_path: Path) -> None:
    known_types = Catalog.installed()
    catalog = msgspec.structs.replace(known_types, providers={**known_types.providers, "learning": Learning})
    async with serving(tmp_path, LEARNING, catalog) as client:
        provider = GatewayMemoryProvider(client, extract=True, on_error="raise")

        async def store(text: str) -> StoredMemory:
            (stored,) = await provider.store_memories(
                [ModelRequest(parts=[UserPromptPart(text)])], user_id="ann", metadata={"importance": "high"}
            )
            assert stored.metadata == {"importance": "high"}
            return stored

        async def known() -> list[tuple[str, str]]:
            return [(each.id, each.memory) for each in await provider.get_all_memories(user_id="ann")]

        added = await store("I live in Oslo")
        assert (added.event, added.memory, await known()) == ("ADD", "lives in Oslo", [(added.id, "lives in Oslo")])
        for text, event, memory, left in (
            ("I moved to Bergen", "UPDATE", "lives in Bergen", [(added.id, "lives in Bergen")]),
            ("I live in Bergen", "NONE", "lives in Bergen", [(added.id, "lives in Bergen")]),
            ("Forget where I live", "DELETE", "lives in Bergen", []),
        ):
            stored = await store(text)
            assert (stored.id, stored.event, stored.memory) == (added.id, event, memory)
            assert await known() == left
