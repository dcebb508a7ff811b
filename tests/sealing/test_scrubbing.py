"""Of a key that is destroyed nothing is left in the files of its store, not even what had wrapped it."""

import asyncio
import sqlite3
import time
from base64 import b64encode
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest

from gateway.domain.ports import Kit, Provider
from gateway.providers.sqlite import Sqlite
from gateway.providers.sqlite.schema import BUSY_MS
from gateway.sealing.ring import Ring
from gateway.sealing.safe import Safe
from tests.sealing.scene import Scene


@asynccontextmanager
async def store(scene: Scene, home: Path) -> AsyncGenerator[Provider]:
    async with AsyncExitStack() as stack:
        found = Sqlite(Sqlite.Options(path="keys.db"), Kit(name="keys", clock=scene.clock, home=home))
        await found.open(stack)
        yield found


def ring_over(scene: Scene, kept: Provider) -> Ring:
    safe = Safe("keyring.main", kept, {scene.root.id: scene.root}, scene.clock, lambda size: bytes(size - 1) + b"\1")
    return Ring(safe, scene.root._randomness, lambda: 0.0, lambda _tenant, _user: None)  # pyright: ignore[reportPrivateUsage]


def found_in(home: Path, wrapped: bytes) -> list[str]:
    """The files in which it stands, raw or as text."""
    forms = (wrapped, b64encode(wrapped))
    return sorted(
        file.name for file in home.iterdir() if any(form in file.read_bytes() for form in forms)
    )  # fmt: skip


async def _shredded(tmp_path: Path) -> tuple[list[str], list[str]]:
    """Where it stood, and where it stands, while the store is open."""
    scene = Scene()
    async with store(scene, tmp_path) as kept:
        ring = ring_over(scene, kept)
        await ring.sealer("t", "ann")
        await ring.sealer("t", "ben")
        (row,) = await ring.safe.of_subject("t", "ann")
        before = found_in(tmp_path, row.wrapped)
        assert len(await ring.shred("t", "ann")) == 1
        after = found_in(tmp_path, row.wrapped)
        (other,) = await ring.safe.of_subject("t", "ben")
        assert found_in(tmp_path, other.wrapped)  # what was not destroyed is there
        await ring.close()
    return before, after


async def test_a_wrapped_key_is_in_no_file_of_its_store_once_it_is_shredded(tmp_path: Path) -> None:
    assert await _shredded(tmp_path) == (["keys.db-wal"], [])


async def test_without_emptying_the_log_it_would_be_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def nothing(_safe: Safe) -> bool:
        return True

    monkeypatch.setattr(Safe, "scrubbed", nothing)
    assert (await _shredded(tmp_path))[1] == ["keys.db-wal"]


async def test_where_a_reader_holds_on_it_is_said_and_gone_with_the_next(tmp_path: Path) -> None:
    scene = Scene()
    async with store(scene, tmp_path) as kept:
        ring = ring_over(scene, kept)
        await ring.sealer("t", "ann")
        reader = await asyncio.to_thread(sqlite3.connect, tmp_path / "keys.db", check_same_thread=False)
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM records").fetchone()
        (row,) = await ring.safe.of_subject("t", "ann")
        began = time.monotonic()
        await ring.shred("t", "ann")
        assert not await ring.safe.scrubbed() and found_in(tmp_path, row.wrapped)
        assert time.monotonic() - began < BUSY_MS / 1000  # for all writes wait behind it
        reader.close()
        assert await ring.safe.scrubbed() and not found_in(tmp_path, row.wrapped)
        await ring.close()
