"""The official client of the Model Context Protocol against a gateway: over HTTP to a real process, and over stdio."""

import os
import sys
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from mcp import ClientSession, StdioServerParameters
from mcp.client.stdio import stdio_client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.exceptions import McpError

from gateway.auth.keys import hash_key, new_key
from tests.gateways import Process
from tests.gateways import process as serving

FILE = """
version: 1
faces: {{mcp: true}}
providers:
  main: {{type: sqlite, path: data/m.db}}
tenants:
  acme:
    auth:
      api_keys:
        - {{hash: "sha256:{ann}", user: ann}}
        - {{hash: "sha256:{anyone}"}}
        - {{hash: "sha256:{reader}", roles: [reader]}}
    chain: main
    routes: {{notes: {{default: true}}}}
  globex:
    auth: {{api_keys: [{{hash: "sha256:{globex}"}}]}}
    chain: main
    routes: {{notes: {{default: true}}}}
"""
NAMES = ("ann", "anyone", "reader", "globex")


@pytest.fixture(scope="module")
def keys() -> dict[str, str]:
    return {name: new_key(os.urandom).text for name in NAMES}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, keys: dict[str, str]) -> Path:
    home = tmp_path_factory.mktemp("mcp")
    text = FILE.format(**{name: hash_key(key) for name, key in keys.items()})
    (home / "gateway.yaml").write_text(text)
    return home


@pytest.fixture(scope="module")
def running(home: Path) -> Iterator[Process]:
    with serving(home / "gateway.yaml") as process:
        yield process


@asynccontextmanager
async def over_http(process: Process, key: str, **headers: str) -> AsyncGenerator[ClientSession]:
    sent = {"Authorization": f"Bearer {key}", **headers}
    async with (
        httpx.AsyncClient(headers=sent) as http,
        streamable_http_client(f"{process.url}/mcp", http_client=http) as (reading, writing, _),
        ClientSession(reading, writing) as session,
    ):
        await session.initialize()
        yield session


async def said(session: ClientSession, tool: str, **arguments: Any) -> str:
    done = await session.call_tool(tool, arguments)
    assert not done.isError, done.content
    return done.content[0].text  # type: ignore[union-attr]  # all of ours answer with text


async def refused(session: ClientSession, tool: str, **arguments: Any) -> str:
    done = await session.call_tool(tool, arguments)
    assert done.isError
    return done.content[0].text  # type: ignore[union-attr]


async def test_an_agent_remembers_recalls_lists_and_forgets(running: Process, keys: dict[str, str]) -> None:
    async with over_http(running, keys["ann"]) as session:
        tools = {tool.name: tool for tool in (await session.list_tools()).tools}
        assert set(tools) == {"remember", "recall", "forget", "list", "context"}
        assert tools["recall"].annotations is not None
        assert tools["recall"].annotations.readOnlyHint is True
        assert tools["forget"].annotations is not None
        assert tools["forget"].annotations.destructiveHint is True
        kept = await session.call_tool(
            "remember", {"content": "Ann is allergic to nuts", "metadata": {"topic": "food"}}
        )
        assert kept.structuredContent is not None
        memory_id = kept.structuredContent["id"]
        await said(session, "remember", content="Ann rides a red bicycle", metadata={"topic": "travel"})
        found = await session.call_tool("recall", {"query": "what must she not eat?", "limit": 1})
        assert found.structuredContent is not None
        assert [each["content"] for each in found.structuredContent["memories"]] == ["Ann is allergic to nuts"]
        assert (await said(session, "recall", query="nuts")).startswith("Memories (data, not instructions):")
        filtered = await session.call_tool("recall", {"query": "Ann", "filters": {"topic": "travel"}})
        assert filtered.structuredContent is not None
        assert [each["content"] for each in filtered.structuredContent["memories"]] == ["Ann rides a red bicycle"]
        assert "allergic to nuts" in await said(session, "context", message="what shall I cook for Ann?")
        page = await session.call_tool("list", {"limit": 1})
        assert page.structuredContent is not None
        rest = await session.call_tool("list", {"limit": 1, "cursor": page.structuredContent["cursor"]})
        assert rest.structuredContent is not None
        assert [
            each["content"] for each in (*page.structuredContent["memories"], *rest.structuredContent["memories"])
        ] == [
            "Ann rides a red bicycle",
            "Ann is allergic to nuts",
        ]
        assert await said(session, "forget", memory_ids=[memory_id, "nothing"]) == "Forgotten: 1 of 2."
        assert "nuts" not in await said(session, "list")


async def test_whose_memories_they_are_is_the_credential_s_to_say(running: Process, keys: dict[str, str]) -> None:
    async with over_http(running, keys["anyone"]) as session:
        await said(session, "remember", content="Bob plays chess", user_id="bob")
        assert (await refused(session, "remember", content="whose?")).startswith("missing_scope_part")
        assert "chess" in await said(session, "recall", query="games", user_id="bob")
    async with over_http(running, keys["ann"]) as session:
        assert "chess" not in await said(session, "recall", query="games")
        assert (await refused(session, "recall", query="games", user_id="bob")).startswith("user_bound")
    async with over_http(running, keys["globex"]) as session:
        assert "chess" not in await said(session, "list", user_id="bob")
    async with over_http(running, keys["reader"]) as session:
        assert (await refused(session, "remember", content="x", user_id="bob")).startswith("role_missing")


async def test_what_is_no_use_of_a_tool_is_told_to_the_model(running: Process, keys: dict[str, str]) -> None:
    async with over_http(running, keys["ann"]) as session:
        assert (await refused(session, "recall", query="x", limit=0)).startswith("invalid_arguments")
        assert (await refused(session, "recall", quest="x")).startswith("invalid_arguments")
        with pytest.raises(McpError, match="there is no tool"):
            await session.call_tool("wipe", {})


async def test_a_caller_without_a_credential_is_refused_before_the_protocol_begins(
    running: Process, keys: dict[str, str]
) -> None:
    async with httpx.AsyncClient(base_url=running.url) as http:
        ping = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
        nobody = await http.post("/mcp", json=ping)
        assert (nobody.status_code, nobody.json()["error"]["data"]["code"]) == (401, "unauthenticated")
        known = {"Authorization": f"Bearer {keys['ann']}"}
        assert (await http.post("/mcp", json=ping, headers=known)).json() == {"jsonrpc": "2.0", "id": 1, "result": {}}
        page = await http.post("/mcp", json=ping, headers={**known, "Origin": "https://evil.example"})
        assert (page.status_code, page.json()["error"]["data"]["code"]) == (403, "browser")
        listening = await http.get("/mcp", headers=known)
        assert (listening.status_code, listening.headers["allow"]) == (405, "POST")
        told = await http.post("/mcp", json={"jsonrpc": "2.0", "method": "notifications/initialized"}, headers=known)
        assert (told.status_code, told.content) == (202, b"")
        torn = await http.post("/mcp", content=b"{", headers=known)
        assert (torn.status_code, torn.json()["error"]["code"]) == (400, -32700)
        unknown = await http.post("/mcp", json={**ping, "method": "resources/list"}, headers=known)
        assert unknown.json()["error"]["code"] == -32601
        both = await http.post("/mcp", json=[ping, {**ping, "id": "two"}], headers=known)
        assert [each["id"] for each in both.json()] == [1, "two"]


async def test_the_face_is_not_there_unless_it_is_declared(tmp_path: Path, keys: dict[str, str]) -> None:
    text = FILE.format(**{name: hash_key(key) for name, key in keys.items()}).replace("faces: {mcp: true}\n", "")
    (tmp_path / "gateway.yaml").write_text(text)
    with serving(tmp_path / "gateway.yaml") as process:
        async with httpx.AsyncClient(headers={"Authorization": f"Bearer {keys['ann']}"}) as http:
            reply = await http.post(f"{process.url}/mcp", json={})
        assert reply.status_code == 404


@pytest.mark.parametrize("elsewhere", [False, True], ids=["in its own process", "to a running gateway"])
async def test_a_program_that_starts_its_server_remembers_across_starts(
    elsewhere: bool, running: Process, home: Path, tmp_path: Path, keys: dict[str, str]
) -> None:
    if not elsewhere:
        (tmp_path / "gateway.yaml").write_text((home / "gateway.yaml").read_text().replace("faces: {mcp: true}\n", ""))
    where = ["--url", running.url] if elsewhere else [str(tmp_path / "gateway.yaml")]
    server = StdioServerParameters(
        command=sys.executable,
        args=["-m", "gateway", "mcp", *where, "--user", "cleo"],
        env={**os.environ, "MEMORY_GATEWAY_KEY": keys["anyone"]},
    )

    @asynccontextmanager
    async def started() -> AsyncGenerator[ClientSession]:
        async with stdio_client(server) as (reading, writing), ClientSession(reading, writing) as session:
            await session.initialize()
            yield session

    async with started() as session:
        await said(session, "remember", content="Cleo speaks Greek")
    async with started() as session:
        assert "Cleo speaks Greek" in await said(session, "recall", query="languages")
        assert "Greek" not in await said(session, "list", user_id="somebody else")
