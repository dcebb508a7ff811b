"""Memories, sessions and checkpoints, from one file, on any embedded backend, across restarts and without a network."""

import socket
from pathlib import Path
from typing import Any

import pytest

from tests.gateways import Gateway, gateway

THREE = """
version: 1
providers:
  main: {{type: {provider}}}
tenants:
  default:
    auth: {{mode: open}}
    chain: main
    routes:
      long: {{default: true}}
      chat: {{kinds: [message], default: true}}
      runs: {{kinds: [checkpoint], default: true}}
"""
BACKENDS = ["memory", "sqlite, path: data/deep/er/test.db", "sqlite, path: data/test.db, synchronous: NORMAL"]


async def said(served: Gateway, session: str, text: str, **more: Any) -> None:
    body = {"user_id": "u", "message": {"role": "user", "content": text, **more}}
    assert (await served.post(f"/v1/sessions/{session}/messages", body)).status_code == 201


async def history(served: Gateway, session: str, user: str = "u") -> list[str]:
    reply = await served.get(f"/v1/sessions/{session}/messages", params={"user_id": user})
    return [each["content"] for each in reply.json()["messages"]]


@pytest.mark.parametrize("provider", BACKENDS)
async def test_one_file_serves_all_three_kinds_and_only_the_type_changes(tmp_path: Path, provider: str) -> None:
    async with gateway(tmp_path, THREE.format(provider=provider)) as served:
        made = await served.post("/v1/memories", {"user_id": "u", "content": "likes tea"})
        await said(served, "s1", "hello")
        put = await served.http.put("/v1/runs/r1/checkpoints/c1", json={"user_id": "u", "state": {"step": 1}})
        assert (made.status_code, put.status_code) == (201, 200)
        assert await history(served, "s1") == ["hello"]
        latest = await served.get("/v1/runs/r1/checkpoints/latest", params={"user_id": "u"})
        assert latest.json()["state"] == {"step": 1}


@pytest.mark.parametrize("provider", BACKENDS[:2])
async def test_messages_stay_in_their_session_and_out_of_long_term_search(tmp_path: Path, provider: str) -> None:
    async with gateway(tmp_path, THREE.format(provider=provider)) as served:
        await said(served, "s1", "my cat is Tom")
        await said(served, "s12", "my dog is Rex")
        await served.post("/v1/memories", {"user_id": "u", "content": "a note about a cat"})
        assert await history(served, "s1") == ["my cat is Tom"]
        assert await history(served, "s12") == ["my dog is Rex"]
        assert await history(served, "s") == []
        found = (await served.post("/v1/memories/search", {"user_id": "u", "query": "cat"})).json()["results"]
        assert [each["content"] for each in found] == ["a note about a cat"]
        cleared = await served.http.delete("/v1/sessions/s1/messages", params={"user_id": "u"})
        assert cleared.json() == {"deleted": 1}
        assert len((await served.get("/v1/memories", params={"user_id": "u"})).json()["memories"]) == 1


async def test_everything_is_there_after_a_restart(tmp_path: Path) -> None:
    text = THREE.format(provider="sqlite, path: data/test.db")
    async with gateway(tmp_path, text) as first:
        await said(first, "s1", "before", x={"kept": [1, 2.50]})
        await first.http.put("/v1/sessions/s1/system", json={"user_id": "u", "content": "be kind"})
        for step in (2, 1):
            await first.http.put(f"/v1/runs/r1/checkpoints/c{step}", json={"user_id": "u", "state": {"step": step}})
        await first.http.put("/v1/runs/r1/state", json={"user_id": "u", "status": "paused"})
    async with gateway(tmp_path, text) as second:
        await said(second, "s1", "after")
        assert await history(second, "s1") == ["before", "after"]
        window = (await second.get("/v1/sessions/s1/context", params={"user_id": "u"})).json()["messages"]
        assert [each["role"] for each in window] == ["system", "user", "user"]
        latest = await second.get("/v1/runs/r1/checkpoints/latest", params={"user_id": "u"})
        assert latest.json()["checkpoint_id"] == "c1"  # put last, whatever its name
        assert (await second.get("/v1/runs/r1/state", params={"user_id": "u"})).json()["status"] == "paused"


async def test_another_user_of_the_same_session_id_has_a_session_of_their_own(tmp_path: Path) -> None:
    async with gateway(tmp_path, THREE.format(provider="memory")) as served:
        await said(served, "s1", "mine")
        assert await history(served, "s1", "v") == []
        gone = await served.http.delete("/v1/sessions/s1", params={"user_id": "v"})
        assert gone.json() == {"deleted": 0}
        assert await history(served, "s1") == ["mine"]


@pytest.mark.parametrize(("scope", "seen"), [("user", 404), ("run", 200)])
async def test_a_minted_session_is_its_users_unless_the_route_shares_it(tmp_path: Path, scope: str, seen: int) -> None:
    text = THREE.format(provider="memory").replace(
        "chat: {", f"chat: {{scope: {scope}, session: {{create: explicit}}, "
    )
    async with gateway(tmp_path, text) as served:
        minted = (await served.post("/v1/sessions", {"user_id": "u"})).json()["session_id"]
        await said(served, minted, "mine")
        foreign = await served.get(f"/v1/sessions/{minted}/messages", params={"user_id": "v"})
        assert foreign.status_code == seen
        unknown = await served.get("/v1/sessions/nothing/messages", params={"user_id": "v"})
        assert unknown.status_code == 404


async def test_ids_with_slashes_and_percents_are_one_segment(tmp_path: Path) -> None:
    async with gateway(tmp_path, THREE.format(provider="memory")) as served:
        for quoted in ("a%2Fb", "a%252Fb", "%2E%2E", "a%20b", "%F0%9F%91%A9"):
            await said(served, quoted, quoted)
            assert await history(served, quoted) == [quoted]


async def test_nothing_needs_a_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[object] = []

    def refuse(*arguments: object) -> None:
        tried.append(arguments)
        raise OSError("no network here")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    async with gateway(tmp_path, THREE.format(provider="sqlite, path: data/test.db")) as served:
        await served.post("/v1/memories", {"user_id": "u", "content": "my sister lives in Lisbon"})
        found = await served.post("/v1/memories/search", {"user_id": "u", "query": "where does my sibling live?"})
        assert found.json()["results"][0]["content"] == "my sister lives in Lisbon"
    assert tried == []
