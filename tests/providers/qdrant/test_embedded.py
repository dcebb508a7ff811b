"""A folder instead of a server: one instance at a time, one thread, bounded, and never on the event loop."""

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from gateway.domain.errors import Unavailable
from gateway.providers.qdrant import Qdrant, connection
from gateway.testing.making import Maker, everything, one, scanned
from gateway.testing.subjects import Subject

from .conftest import Opened

# What takes thousands of records (more than the embedded mode is for, and longer than it may hold the event loop), and
# clauses of many cases in which the mode has no part: ids and words are hashed before it sees them.
BEYOND = (
    "not (thousand or holds_the_event_loop or 1037 or many_ids or killed_process or any_legal_id or no_word_is"
    " or texts_are_kept)"
)

SUBJECTS = (
    Subject(
        name="qdrant-local",
        plugin="gateway.providers.qdrant:Qdrant",
        against="real",
        through="qdrant-client's local mode",
        options=lambda _: {"path": "data/qdrant"},
    ),
)


def test_the_embedded_mode_keeps_the_contract_of_all_providers_on_a_small_scale() -> None:
    root = Path(__file__).parents[3]
    run = subprocess.run(
        [
            sys.executable, "-m", "pytest", "-q", "--tb=short", "-p", "no:cacheprovider", "gateway/testing/clauses",
            "-k", f"({BEYOND}) and (test_writing or test_search)", f"--conformance-subjects={__name__}:SUBJECTS"],
        cwd=root, env={**os.environ, "PYTHONPATH": str(root)}, capture_output=True, check=False,
    )  # fmt: skip
    assert run.returncode == 0, run.stdout.decode()[-3000:]
    assert b"0 fail" in run.stdout


async def test_a_folder_takes_one_instance_at_a_time(opened: Opened, make: Maker) -> None:
    record = make.record()
    async with opened(path="data") as provider:
        await provider.put([record])
        with pytest.raises(Unavailable, match="the folder is in use") as refused:
            async with opened(path="data"):
                pass
        assert refused.value.code == "qdrant_in_use"
    async with opened(path="data") as provider:
        assert await one(provider, record) == record


async def test_a_folder_that_cannot_be_made_is_told_in_words(opened: Opened, tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(Unavailable, match="the folder cannot be used") as refused:
        async with opened(path="taken/data"):
            pass
    assert str(tmp_path) not in refused.value.detail


async def test_all_work_is_done_on_one_thread_that_is_not_the_loop_s(
    opened: Opened, make: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads: set[str] = set()
    real = connection.QdrantClient.upsert

    def upsert(self: connection.QdrantClient, *args: object, **given: object) -> object:
        threads.add(threading.current_thread().name)
        return real(self, *args, **given)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType] -- passed on

    monkeypatch.setattr(connection.QdrantClient, "upsert", upsert)
    async with opened(path="data") as provider:
        for _ in range(5):
            await provider.put([make.record()])
    assert len(threads) == 1
    assert threading.main_thread().name not in threads


async def test_a_folder_holds_no_more_than_was_declared(opened: Opened, make: Maker) -> None:
    records = make.records(12)
    async with opened(path="data", max_records=10) as provider:
        assert all(await provider.put(records[:10]))
        with pytest.raises(Unavailable, match="holds its 10 records"):
            await provider.put(records[10:])
        await provider.delete(everything(make.tenant), [each.id for each in records[:5]])
        assert all(await provider.put(records[10:]))


async def test_closing_gives_the_folder_and_the_thread_back(opened: Opened, make: Maker) -> None:
    for _ in range(3):
        async with opened(path="data") as provider:
            await provider.put([make.record()])
    async with opened(path="data") as provider:
        assert isinstance(provider, Qdrant)
        assert len(await scanned(provider, everything(make.tenant))) == 3
    assert not [each for each in threading.enumerate() if each.name.startswith("qdrant-main")]
