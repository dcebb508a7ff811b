"""What mirrors, erasures and webhooks still have to do is one list, to operators and on the command line."""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from gateway.cli import main
from tests.gateways import Gateway, free_port, gateway
from tests.hooks.test_webhook import lines, receiver
from tests.servers.redis import started, valkey_binary

CONFIG = """
version: 1
reload: {watch: false}
providers:
  main: {type: sqlite, path: data/main.db, embedder: none}
  copy: {type: redis, url: "${env:COPY}", embedder: none, timeout: 500ms}
hooks:
  tell: {type: webhook, url: "http://127.0.0.1:${env:EAR}/in", secret: of-sixteen-letters, attempts: 2, backoff: 50ms}
chains: {both: [{provider: main}, {provider: copy, role: mirror, ack: async}]}
defaults: {retrieval: {strategy: recent}, hooks: [tell]}
tenants: {default: {auth: {mode: open}, routes: {notes: {default: true, chain: both}}}}
"""


async def said(home: Path, *arguments: str) -> Result:
    config = ("--config", str(home / "gateway.yaml"))
    return await asyncio.to_thread(lambda: CliRunner().invoke(main, ["jobs", arguments[0], *config, *arguments[1:]]))


async def listed(home: Path) -> list[dict[str, Any]]:
    return json.loads((await said(home, "ls", "--format", "json")).output)


async def until(seen: Callable[[], Awaitable[Any]], seconds: float = 30) -> Any:
    end = time.monotonic() + seconds
    while not (found := await seen()):
        assert time.monotonic() < end
        await asyncio.sleep(0.1)
    return found


async def add(made: Gateway, content: str) -> None:
    assert (await made.post("/v1/memories", {"content": content, "user_id": "ada"})).status_code == 201


async def test_deliveries_erasures_and_letters_are_one_list(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ear = free_port()
    monkeypatch.setenv("EAR", str(ear))
    with started(valkey_binary(), tmp_path / "redis") as redis:
        monkeypatch.setenv("COPY", redis.url)
        async with gateway(tmp_path, CONFIG) as made:
            await add(made, "secret tea")
            redis.kill()
            erasure = (await made.http.delete("/v1/subjects/ada?wait_seconds=3")).json()
            assert erasure["status"] == "pending"
            await until(lambda: _added(made))

            async def all_three() -> list[dict[str, Any]]:
                found = await listed(tmp_path)
                dead = [each for each in found if each["kind"] == "tell" and each["state"] == "dead"]
                return found if dead and {each["kind"] for each in found} == {"deliver", "erase", "tell"} else []

            found = await until(all_three)
            assert [each["age"] for each in found] == sorted((each["age"] for each in found), reverse=True)
            (erase,) = (each for each in found if each["kind"] == "erase")
            assert (erase["id"], erase["source"], erase["target"]) == (erasure["id"], "default", "copy")
            assert erase["reason"].startswith("redis_")
            letter = next(each for each in found if each["kind"] == "tell" and each["state"] == "dead")
            assert (letter["source"], letter["reason"], letter["attempts"]) == ("tell", "ConnectError", 2)
            shown = {each["id"] for each in (await made.get("/admin/jobs")).json()}
            assert {erase["id"], letter["id"]} <= shown
            dead = {each["id"] for each in (await made.get("/admin/jobs?dead=true")).json()}
            assert letter["id"] in dead and erase["id"] not in dead
            count = sum(each["kind"] == "tell" for each in (await made.get("/admin/jobs?dead=true")).json())
            assert f'gateway_jobs{{state="dead"}} {count}.0' in (await made.get("/metrics")).text
            told = await said(tmp_path, "ls", "--exit-code")
            assert told.exit_code == 6 and "ada" not in told.output and "secret" not in told.output

            refused = await said(tmp_path, "drop", erase["id"])
            assert (refused.exit_code, refused.output) == (1, "0 jobs dropped\n")
            redis.start()
            assert (await said(tmp_path, "retry", erase["id"])).output == "1 job begun anew\n"
            with receiver(ear, tmp_path / "heard"):
                assert (await said(tmp_path, "retry", "--dead")).exit_code == 0
                await until(lambda: _nothing(tmp_path))
            heard = {each["headers"]["x-webhook-id"] for each in lines(tmp_path / "heard")}
            assert letter["id"] in heard
            done = (await made.get(f"/v1/subjects/ada/erasures/{erasure['id']}")).json()
            assert done["status"] == "done"


async def test_a_letter_can_be_dropped_and_is_never_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ear = free_port()
    monkeypatch.setenv("EAR", str(ear))
    monkeypatch.setenv("COPY", "redis://127.0.0.1:1/0")
    config = CONFIG.replace("chain: both", "chain: main")
    async with gateway(tmp_path, config) as made:
        await add(made, "tea")
        await add(made, "coffee")
        first, second = await until(lambda: _dead(tmp_path, 2))
        assert (await said(tmp_path, "drop", first["id"])).output == "1 job dropped\n"
        with receiver(ear, tmp_path / "heard"):
            assert (await said(tmp_path, "retry", "--dead")).output == "1 job begun anew\n"
            await until(lambda: _nothing(tmp_path))
    assert [each["headers"]["x-webhook-id"] for each in lines(tmp_path / "heard")] == [second["id"]]


async def _added(made: Gateway) -> bool:
    body = {"content": "secret coffee", "user_id": "ada"}
    return (await made.post("/v1/memories", body)).status_code == 201


async def _dead(home: Path, count: int) -> list[dict[str, Any]]:
    found = [each for each in await listed(home) if each["state"] == "dead"]
    return found if len(found) == count else []


async def _nothing(home: Path) -> bool:
    return not await listed(home)
