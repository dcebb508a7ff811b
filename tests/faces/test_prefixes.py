"""A key and a route in the base URL, for clients that can send neither."""

import os
from pathlib import Path

import pytest

from gateway.auth.keys import hash_key, new_key
from tests.gateways import gateway

FILE = """
version: 1
providers:
  main: {{type: memory}}
tenants:
  acme:
    auth: {{api_keys: [{{hash: "sha256:{acme}"}}]}}
    routes: {{notes: {{default: true, chain: main}}, other: {{chain: main, space: other}}}}
  globex:
    auth: {{api_keys: [{{hash: "sha256:{globex}"}}]}}
    routes: {{notes: {{default: true, chain: main}}}}
"""
SEARCH = {"user_id": "u", "query": "tea"}


@pytest.fixture
def keys() -> dict[str, str]:
    return {name: new_key(os.urandom).text for name in ("acme", "globex")}


def config(keys: dict[str, str]) -> str:
    return FILE.format(**{name: hash_key(key) for name, key in keys.items()})


async def test_the_key_in_the_path_is_the_credential_whatever_else_is_sent(
    tmp_path: Path, keys: dict[str, str]
) -> None:
    async with gateway(tmp_path, config(keys)) as served:
        added = {"user_id": "u", "content": "likes tea"}
        assert (await served.post(f"/t/{keys['acme']}/v1/memories", added)).status_code == 201
        sent = {"Authorization": "Token something-else"}
        found = await served.post(f"/t/{keys['acme']}/v1/memories/search", SEARCH, headers=sent)
        assert [each["content"] for each in found.json()["results"]] == ["likes tea"]
        elsewhere = await served.post(f"/t/{keys['globex']}/v1/memories/search", SEARCH)
        assert elsewhere.json()["results"] == []
        assert (await served.post("/v1/memories/search", SEARCH)).status_code == 401
        assert (await served.post("/t/nonsense/v1/memories/search", SEARCH)).status_code == 401


async def test_the_route_in_the_path_is_the_route(tmp_path: Path, keys: dict[str, str]) -> None:
    async with gateway(tmp_path, config(keys)) as served:
        base = f"/t/{keys['acme']}/r/other"
        made = await served.post(f"{base}/v1/memories", {"user_id": "u", "content": "likes tea"})
        assert made.status_code == 201
        for path, expected in ((base, 1), (f"/r/other/t/{keys['acme']}", 1), (f"/t/{keys['acme']}", 0)):
            found = await served.post(f"{path}/v1/memories/search", SEARCH)
            assert len(found.json()["results"]) == expected
        shown = await served.get(f"{base}/v1/memories/{made.json()['id']}", params={"user_id": "u"})
        assert shown.json()["content"] == "likes tea"
        unknown = await served.post(f"/t/{keys['acme']}/r/nowhere/v1/memories/search", SEARCH)
        assert (unknown.status_code, unknown.json()["code"]) == (404, "no_route")


async def test_the_key_in_the_path_is_in_no_log(tmp_path: Path, keys: dict[str, str]) -> None:
    async with gateway(tmp_path, config(keys)) as served:
        for path in ("v1/memories/search", "v1/nothing", "health/live", "", "v1/memories/some%2Fid"):
            await served.post(f"/t/{keys['acme']}/{path}", SEARCH)
    written = b"".join(served.lines)
    assert written
    assert keys["acme"].encode() not in written
