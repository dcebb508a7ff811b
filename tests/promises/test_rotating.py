"""Root, tenant and subject keys rotate while two workers serve: no read fails, and nothing is left on an old key."""

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, Self

import httpx
import pytest
from click.testing import CliRunner

from gateway.cli import main
from tests.gateways import process

RECORDS: Final = int(os.environ.get("MEMORY_GATEWAY_ROTATED", "120"))
USERS: Final = [f"user {n}" for n in range(4)]
CONFIG: Final = """
version: 1
reload: {{debounce: 50ms}}
keyrings: {{main: {{root: {{type: env, name: {root}}}, old_roots: [{old}], ttl: 1s}}}}
providers: {{main: {{type: sqlite, path: data/memories.db, embedder: none}}}}
tenants:
  acme:
    auth: {{mode: open}}
    encryption: {{fields: [content, metadata]}}
    retrieval: {{strategy: lexical}}
    routes: {{everything: {{default: true, chain: main}}}}
"""
OLD_ROOT: Final = "{type: env, name: ROOT_ONE}"


class Load:
    """Reads what is known to be there, writes more, and counts what does not come back as it should."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.known: list[tuple[str, str, str]] = []
        self.reads = self.writes = 0
        self.failed: list[str] = []
        self._ended = threading.Event()
        self._threads = [threading.Thread(target=self._run, args=(number,)) for number in range(2)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        for thread in self._threads:
            thread.join()

    def write(self, http: httpx.Client, number: int) -> None:
        user, text = USERS[number % len(USERS)], f"tea number {number}"
        reply = http.post("/v1/memories", json={"user_id": user, "content": text, "metadata": {"n": number}})
        if reply.status_code != 201:
            self.failed.append(f"write {reply.status_code} {reply.text[:200]}")
            return
        self.writes += 1
        self.known.append((user, reply.json()["id"], text))

    def read(self, http: httpx.Client, number: int) -> None:
        user, id_, text = self.known[number % len(self.known)]
        self.reads += 1
        found = http.get(f"/v1/memories/{id_}", params={"user_id": user})
        if found.status_code != 200 or found.json()["content"] != text:
            self.failed.append(f"get {found.status_code} {found.text[:200]}")
        if number % 5 == 0:
            self.reads += 1
            listed = http.post("/v1/memories/search", json={"user_id": user, "query": text})
            if listed.status_code != 200 or not listed.json()["results"]:
                self.failed.append(f"search {listed.status_code} {listed.text[:200]}")

    def _run(self, number: int) -> None:
        with httpx.Client(base_url=self.url, timeout=30) as http:
            step = number * 7_919
            while not self._ended.is_set():
                step += 1
                self.read(http, step)
                if step % 11 == 0:
                    self.write(http, 10_000 + step)
                time.sleep(0.005)


def keys(home: Path, *arguments: str) -> Any:
    verb, *rest = arguments
    named = [*verb.split(), str(home / "gateway.yaml"), *rest]
    return CliRunner().invoke(main, ["keys", *named])


def test_no_read_fails_while_every_key_is_rotated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, figure: Callable[[str], None]
) -> None:
    monkeypatch.setenv("ROOT_ONE", "11" * 32)
    monkeypatch.setenv("ROOT_TWO", "22" * 32)
    file = tmp_path / "gateway.yaml"
    file.write_text(CONFIG.format(root="ROOT_ONE", old=""))
    acme = ("--tenant", "acme")
    with process(file, "--workers", "2") as server:
        load = Load(server.url)
        with httpx.Client(base_url=server.url, timeout=30) as http:
            for number in range(RECORDS):
                load.write(http, number)
        with load:
            assert keys(tmp_path, "rotate subject", *acme, "--all-users").exit_code == 0
            early = keys(tmp_path, "retire", *acme)
            assert early.exit_code == 3 and "refused: " in early.output
            assert keys(tmp_path, "rotate tenant", *acme).exit_code == 0
            file.write_text(CONFIG.format(root="ROOT_TWO", old=OLD_ROOT))
            reloaded = CliRunner().invoke(main, ["reload", "--url", server.url, "--wait"])
            assert reloaded.exit_code == 0, reloaded.output
            moved = keys(tmp_path, "rotate root")
            assert moved.exit_code == 0 and "; 0 left to old roots" in moved.output, moved.output
            began = time.perf_counter()
            rewrapped = keys(tmp_path, "rewrap", *acme)
            rate = RECORDS / (time.perf_counter() - began)
            assert rewrapped.exit_code == 0, rewrapped.output
            time.sleep(1.1)  # whatever a worker has sealed meanwhile with the key it knew
            assert keys(tmp_path, "rewrap", *acme).exit_code == 0
            retired = keys(tmp_path, "retire", *acme)
            assert retired.exit_code == 0, retired.output
            file.write_text(CONFIG.format(root="ROOT_TWO", old=""))
            assert CliRunner().invoke(main, ["reload", "--url", server.url, "--wait"]).exit_code == 0
            time.sleep(1.5)
        last = keys(tmp_path, "rewrap", *acme).output
    assert load.failed == []
    assert " 0 sealed anew" in last.splitlines()[-1]
    live = [line for line in keys(tmp_path, "ls", *acme).output.splitlines() if " opens " in line]
    assert len(live) == len(USERS) + 1 and all("version 2" in line for line in live)
    figure(
        f"rotation: subject, tenant and root under load on 2 workers, {load.reads} reads and {load.writes} writes, "
        f"{len(load.failed)} failed; retired too early: refused; after rewrap 0 records on old keys; "
        f"{rate:,.0f} records/s rewrapped"
    )


def test_a_key_that_is_retired_while_records_need_it_would_make_reads_fail(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ROOT_ONE", "11" * 32)
    file = tmp_path / "gateway.yaml"
    file.write_text(CONFIG.format(root="ROOT_ONE", old=""))

    async def nothing(*_: object) -> dict[str, int]:
        return {}

    with process(file) as server:
        load = Load(server.url)
        with httpx.Client(base_url=server.url, timeout=30) as http:
            load.write(http, 0)
            assert keys(tmp_path, "rotate subject", "--tenant", "acme", "--all-users").exit_code == 0
            monkeypatch.setattr("gateway.services.rekeying._needed", nothing)
            assert keys(tmp_path, "retire", "--tenant", "acme").exit_code == 0
            time.sleep(1.2)
            load.read(http, 0)
    assert load.failed and "500" in load.failed[0]
