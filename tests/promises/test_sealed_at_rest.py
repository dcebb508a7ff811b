"""Plaintext canaries of a sealed tenant are in no raw byte of any store, queue, key store or log; unsealed, in all."""

import os
from collections.abc import Callable, Mapping
from pathlib import Path

import httpx
import pytest

from tests.gateways import process
from tests.servers.postgres import running
from tests.servers.redis import redis

CANARIES = int(os.environ.get("MEMORY_GATEWAY_CANARIES", "200"))
MARK = "canary-"
CONFIG = """
version: 1
keyrings: {{main: {{root: {{type: env, name: SEALED_ROOT}}}}}}
providers:
  lite: {{type: sqlite, path: lite/memories.db, embedder: none}}
  red: {{type: redis, url: "{redis}", embedder: none}}
  post: {{type: postgres, url: "{postgres}", embedder: none}}
  points: {{type: qdrant, path: points, embedder: none}}
  files: {{type: folder, path: files, embedder: none}}
  copies: {{type: redis, url: "{redis}", prefix: "copies:", embedder: none}}
chains:
  everywhere:
    - {{provider: lite}}
    - {{provider: red, role: mirror, ack: all}}
    - {{provider: post, role: mirror, ack: all}}
    - {{provider: points, role: mirror, ack: all}}
    - {{provider: files, role: mirror, ack: all}}
    - {{provider: copies, role: cache}}
tenants:
  acme:
    auth: {{mode: open}}
    encryption: {encryption}
    retrieval: {{strategy: lexical}}
    routes:
      everything: {{default: true, kinds: [memory, message, checkpoint], chain: everywhere}}
"""
SEALED = "{fields: [content, metadata], vectors: none}"
USER = {"user_id": "ann"}


def told(http: httpx.Client) -> int:
    """Canaries in memories, their past, their metadata, messages, prompts and checkpoints; how many."""
    number = 0

    def canary() -> str:
        nonlocal number
        number += 1
        return f"{MARK}{number:05}"

    while number < CANARIES:
        some = [{"content": canary(), "metadata": {"note": canary()}} for _ in range(20)]
        _fine(http.post("/v1/memories/batch", json={**USER, "memories": some}))
        keyed = {"Idempotency-Key": f"key {number}"}
        added = _fine(http.post("/v1/memories", json={**USER, "content": canary()}, headers=keyed))
        _fine(http.patch(f"/v1/memories/{added['id']}", json={**USER, "content": canary()}))
        says = {"role": "user", "content": canary(), "tool": canary()}
        _fine(http.post("/v1/sessions/s/messages", json={**USER, "message": says}))
        _fine(http.put("/v1/sessions/s/system", json={**USER, "content": canary()}))
        state = {**USER, "state": {"s": canary()}, "metadata": {"m": canary()}}
        _fine(http.put(f"/v1/runs/r/checkpoints/{number}", json=state))
        found = _fine(http.post("/v1/memories/search", json={**USER, "query": added["content"], "explain": True}))
        assert MARK in str(found)
        read = http.get(f"/v1/memories/{added['id']}", params=USER)
        assert MARK in read.text
    return number


def _fine(reply: httpx.Response) -> dict[str, str]:
    assert reply.status_code < 300, reply.text
    found: dict[str, str] = reply.json()
    return found


def hits(folders: Mapping[str, Path]) -> dict[str, tuple[int, int]]:
    """By store: canaries in its raw bytes, and how many bytes were looked at."""
    found: dict[str, tuple[int, int]] = {}
    for name, folder in folders.items():
        files = [folder] if folder.is_file() else [each for each in folder.rglob("*") if each.is_file()]
        raw = [each.read_bytes() for each in files]
        found[name] = sum(each.count(MARK.encode()) for each in raw), sum(map(len, raw))
    return found


def stored(home: Path, encryption: str) -> tuple[int, dict[str, tuple[int, int]]]:
    with redis(home / "redis") as red, running(home / "postgres") as post:
        text = CONFIG.format(redis=red["url"], postgres=post.url, encryption=encryption)
        (home / "gateway.yaml").write_text(text)
        with process(home / "gateway.yaml", "--log-level", "debug") as server:
            with httpx.Client(base_url=server.url, timeout=60) as http:
                number = told(http)
            (home / "log").write_text(server.errors())
            live = hits({"sqlite with its WAL": home / "lite"})
            server.stop()
        post.kill()
        places = {
            "redis and its cache": home / "redis", "postgres heap and WAL": post.data, "qdrant": home / "points",
            "folder": home / "files", "jobs and keys": home / "data", "log": home / "log",
        }  # fmt: skip
        return number, {**live, **hits(places)}


def test_no_canary_of_a_sealed_tenant_is_in_the_raw_bytes_of_any_store(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, figure: Callable[[str], None]
) -> None:
    monkeypatch.setenv("SEALED_ROOT", "5a" * 32)
    number, found = stored(tmp_path, SEALED)
    places = ", ".join(f"{name} {size:,}" for name, (_, size) in found.items())
    figure(
        f"sealed at rest: {number} plaintext canaries, {sum(each for each, _ in found.values())} hits in raw bytes of "
        f"{places}; readable stay ids, tenant, user, kind, role, times, version, key id, sizes"
    )
    assert {name: count for name, (count, _) in found.items() if count} == {}
    assert all(size > 0 for _, size in found.values()), found
    assert b"5a5a5a5a" not in b"".join(each.read_bytes() for each in (tmp_path / "data").iterdir())


def test_without_sealing_every_store_holds_the_canaries(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.promises.test_sealed_at_rest.CANARIES", 20)
    _, found = stored(tmp_path, "{type: none}")
    assert {name for name, (count, _) in found.items() if not count} <= {"jobs and keys", "log"}
