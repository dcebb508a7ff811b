"""Sealing as an operator sees it: `encryption:` on a route, keys from the environment, verbs of the command line."""

from pathlib import Path

import pytest
from click.testing import CliRunner
from cryptography.fernet import Fernet

from gateway.cli import main
from gateway.config.catalog import Catalog
from gateway.config.compiler import compile_config
from tests.gateways import gateway

CONFIG = """
version: 1
providers: {{main: {{type: sqlite, path: data/test.db, embedder: none}}}}
tenants:
  default:
    auth: {{mode: open}}
    retrieval: {{strategy: lexical}}
    encryption: {{type: fernet, key: "${{env:MEMORY_ENCRYPTION_KEY}}"{more}}}
    routes: {{everything: {{default: true, kinds: [memory, message], chain: main}}}}
"""
RING = """
version: 1
keyrings: {{main: {{root: {{type: env, name: {name}}}, ttl: 1s}}}}
providers: {{main: {{type: sqlite, path: data/test.db, embedder: none}}}}
tenants:
  default:
    auth: {{mode: open}}
    encryption: {{keys: main}}
    routes: {{everything: {{default: true, chain: main}}}}
"""
USER = {"user_id": "ann"}
MESSAGE = {"role": "user", "content": "canary message"}


def raw(home: Path) -> bytes:
    return b"".join(each.read_bytes() for each in (home / "data").iterdir())


async def test_a_fernet_key_from_the_environment_seals_a_route_and_the_interface_shows_plaintext(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = Fernet.generate_key().decode()
    monkeypatch.setenv("MEMORY_ENCRYPTION_KEY", key)
    async with gateway(tmp_path, CONFIG.format(more="")) as served:
        added = (await served.post("/v1/memories", {**USER, "content": "canary tea", "metadata": {"k": "seen"}})).json()
        await served.post("/v1/sessions/s/messages", {**USER, "message": MESSAGE})
        assert (await served.get(f"/v1/memories/{added['id']}", params=USER)).json()["content"] == "canary tea"
        told = (await served.get("/v1/sessions/s/messages", params=USER)).json()["messages"]
        assert [each["message"] for each in told] == [MESSAGE]
        found = (await served.post("/v1/memories/search", {**USER, "query": "tea"})).json()["results"]
        assert [each["content"] for each in found] == ["canary tea"]
        stored = raw(tmp_path)
        assert b"canary" not in stored and b"gAAAA" in stored and b"seen" in stored and b"user" in stored
        shown = (await served.get("/admin/config")).text + b"".join(served.lines).decode()
        assert key not in shown
    rendered = CliRunner().invoke(main, ["render", str(tmp_path / "gateway.yaml"), "--provenance"])
    assert rendered.exit_code == 0 and key not in rendered.output


async def test_a_missing_or_short_key_is_refused_at_the_start(tmp_path: Path) -> None:
    (tmp_path / "gateway.yaml").write_text(CONFIG.format(more=""))
    for env in ({}, {"MEMORY_ENCRYPTION_KEY": "too-short-to-be-one"}):
        compiled = compile_config(tmp_path / "gateway.yaml", env, Catalog.builtin())
        assert compiled.broken == {"default"} or compiled.config is None
        assert "too-short-to-be-one" not in str(compiled.diagnostics)


async def test_a_wrong_fernet_key_is_an_error_and_an_older_one_still_opens(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, new = (Fernet.generate_key().decode() for _ in range(2))
    monkeypatch.setenv("MEMORY_ENCRYPTION_KEY", old)
    async with gateway(tmp_path, CONFIG.format(more="")) as served:
        id_ = (await served.post("/v1/memories", {**USER, "content": "canary tea"})).json()["id"]
    monkeypatch.setenv("MEMORY_ENCRYPTION_KEY", new)
    async with gateway(tmp_path, CONFIG.format(more="")) as served:
        wrong = await served.get(f"/v1/memories/{id_}", params=USER)
        assert (wrong.status_code, wrong.json()["code"]) == (500, "tampered") and "gAAAA" not in wrong.text
    monkeypatch.setenv("MEMORY_ENCRYPTION_KEY", f"{new},{old}")
    async with gateway(tmp_path, CONFIG.format(more="")) as served:
        assert (await served.get(f"/v1/memories/{id_}", params=USER)).json()["content"] == "canary tea"


def test_a_rewrap_reseals_by_the_first_fernet_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import asyncio

    old, new = (Fernet.generate_key().decode() for _ in range(2))
    text = CONFIG.format(more="")

    async def filled() -> str:
        async with gateway(tmp_path, text) as served:
            added = await served.post("/v1/memories", {**USER, "content": "canary tea"})
            return str(added.json()["id"])

    async def read(id_: str) -> str:
        async with gateway(tmp_path, text) as served:
            return str((await served.get(f"/v1/memories/{id_}", params=USER)).json().get("content"))

    monkeypatch.setenv("MEMORY_ENCRYPTION_KEY", old)
    id_ = asyncio.run(filled())
    monkeypatch.setenv("MEMORY_ENCRYPTION_KEY", f"{new},{old}")
    done = CliRunner().invoke(main, ["keys", "rewrap", str(tmp_path / "gateway.yaml"), "--tenant", "default"])
    assert done.exit_code == 0 and "1 sealed anew" in done.output, done.output
    monkeypatch.setenv("MEMORY_ENCRYPTION_KEY", new)
    assert asyncio.run(read(id_)) == "canary tea"


def test_a_gateway_whose_root_key_is_not_there_does_not_serve_the_tenant(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHORT_ROOT", "abc")
    for name in ("NO_SUCH_ROOT", "SHORT_ROOT"):
        (tmp_path / "gateway.yaml").write_text(RING.format(name=name))
        listed = CliRunner().invoke(main, ["keys", "ls", str(tmp_path / "gateway.yaml"), "--tenant", "default"])
        assert listed.exit_code == 4 and name in listed.output


def test_a_root_key_is_printed_once_and_nowhere_else() -> None:
    one, two = (CliRunner().invoke(main, ["keys", "root"]).output for _ in range(2))
    assert one != two and len(one.strip()) == 44


async def test_a_shred_from_the_command_line_is_noticed_by_the_gateway_that_serves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import asyncio

    monkeypatch.setenv("RING_ROOT", "7" * 64)
    async with gateway(tmp_path, RING.format(name="RING_ROOT")) as served:
        for user in ("ann", "bob"):
            await served.post("/v1/memories", {"user_id": user, "content": "tea"})
        assert (await served.get("/v1/memories", params=USER)).json()["memories"]
        verb = ["keys", "shred", str(tmp_path / "gateway.yaml"), "--tenant", "default", "--user", "ann", "--yes"]
        done = await asyncio.to_thread(CliRunner().invoke, main, verb)
        assert done.exit_code == 0, done.output
        await asyncio.sleep(1.1)
        assert (await served.get("/v1/memories", params=USER)).json()["memories"] == []
        assert len((await served.get("/v1/memories", params={"user_id": "bob"})).json()["memories"]) == 1
