"""Copies that are older than an erasure: lines that were exported before it, and an archive that is set back."""

import asyncio
import shutil
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest
from click.testing import CliRunner

from gateway.cli import main
from tests.gateways import gateway

CONFIG = """
version: 1
jobs: {store: data/jobs.db}
providers:
  main: {type: sqlite, path: data/main.db, embedder: none}
  cold: {type: folder, path: data/cold}
defaults: {chain: main}
tenants:
  acme:
    auth: {mode: open}
    routes: {notes: {default: true, retention: {max_memories: 1, archive: cold}}}
"""

pytestmark = pytest.mark.xdist_group("subjects/test_copies.py")


def typed(home: Path, *words: str, given: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "gateway", words[0], "gateway.yaml", *words[1:]]
    return subprocess.run(command, cwd=home, input=given, capture_output=True, check=False, timeout=60)


async def _kept(home: Path) -> bytes:
    """What ada and bob have told, as lines; ada's older memory is in the archive, and a copy of that is beside it."""
    async with gateway(home, CONFIG) as made:
        for user in ("ada", "bob"):
            for number in (1, 2):
                body = {"user_id": user, "content": f"{user} likes tea {number}"}
                assert (await made.post("/v1/memories", body)).status_code == 201
    assert typed(home, "sweep").returncode == 0
    shutil.copytree(home / "data/cold", home / "copy")
    lines = typed(home, "export", "--provider", "main", "--tenant", "acme")
    assert lines.returncode == 0, lines.stderr
    return lines.stdout


async def _erased(home: Path, *, refuse_new: bool = False) -> None:
    async with gateway(home, CONFIG) as made:
        reply = await made.http.delete("/v1/subjects/ada", params={"refuse_new": refuse_new})
        assert reply.json()["status"] == "done", reply.text
        if not refuse_new:
            assert (await made.post("/v1/memories", {"user_id": "ada", "content": "a new life"})).status_code == 201


async def _texts(home: Path) -> list[str]:
    found: list[str] = []
    async with gateway(home, CONFIG) as made:
        for user in ("ada", "bob"):
            page = (await made.get("/v1/memories", params={"user_id": user})).json()
            found += [each["content"] for each in page["memories"]]
    return sorted(found)


async def test_lines_of_somebody_who_was_erased_since_are_not_taken_back(tmp_path: Path) -> None:
    lines = await _kept(tmp_path)
    await _erased(tmp_path)
    done = typed(tmp_path, "import", "--provider", "main", given=lines)
    assert done.returncode == 0, done.stderr
    assert b"1 of users who were erased since" in done.stderr
    assert await _texts(tmp_path) == ["a new life", "bob likes tea 2"]


async def test_an_archive_that_is_set_back_brings_nobody_back(tmp_path: Path) -> None:
    await _kept(tmp_path)
    await _erased(tmp_path, refuse_new=True)
    shutil.rmtree(tmp_path / "data/cold")
    shutil.copytree(tmp_path / "copy", tmp_path / "data/cold")
    done = typed(tmp_path, "restore", "--tenant", "acme")
    assert done.returncode == 0, done.stderr
    assert b"archived 2  restored 1" in done.stdout and b"erased since 1" in done.stdout
    assert await _texts(tmp_path) == ["bob likes tea 1", "bob likes tea 2"]


async def test_what_was_erased_and_cannot_be_read_stops_both(tmp_path: Path) -> None:
    lines = await _kept(tmp_path)
    await _erased(tmp_path)
    (tmp_path / "data/jobs.db").write_bytes(b"no database " * 100)
    for words, given in ((("import", "--provider", "main"), lines), (("restore", "--tenant", "acme"), b"")):
        done = typed(tmp_path, *words, given=given)
        assert done.returncode == 1
        assert b"erasures_unavailable: what has been erased cannot be read now" in done.stderr


async def test_without_what_is_remembered_they_come_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The counter-test, in this process."""
    lines = await _kept(tmp_path)
    await _erased(tmp_path)

    def nobody(*_: object) -> bool:
        return False

    monkeypatch.setattr(import_module("gateway.cli.import"), "has_ended", nobody)
    done = await asyncio.to_thread(
        CliRunner().invoke, main, ["import", str(tmp_path / "gateway.yaml"), "--provider", "main"], lines
    )
    assert done.exit_code == 0, done.output
    assert "ada likes tea 2" in await _texts(tmp_path)
