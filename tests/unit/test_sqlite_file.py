"""The file itself: whose it is, what is refused, what goes wrong with disks, and what is left in it."""

# Disks that fill up and locks that stay are made at the provider's own connection.
# pyright: reportPrivateUsage=false

import asyncio
import sqlite3
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import msgspec
import pytest

from gateway.domain.errors import Invalid, Tampered, Unavailable
from gateway.domain.filters import Compare
from gateway.domain.ports import Kit, Scan, Where
from gateway.domain.record import Kind
from gateway.domain.scope import Reach
from gateway.domain.units import Size
from gateway.providers.sqlite import Sqlite, SqliteOptions
from gateway.providers.sqlite.schema import VERSION
from gateway.testing.making import MEMORIES, Maker, Time, one, scanned, unit


@pytest.fixture
def clock() -> Time:
    return Time()


@pytest.fixture
def make(clock: Time) -> Maker:
    return Maker(clock)


@asynccontextmanager
async def opened(home: Path, clock: Time, **options: Any) -> AsyncGenerator[Sqlite]:
    options.setdefault("path", "m.db")
    provider = Sqlite(SqliteOptions(**options), Kit(name="store", clock=clock, home=home))
    async with AsyncExitStack() as stack:
        await provider.open(stack)
        yield provider


def spoil(file: Path, sql: str, *values: object) -> None:
    with sqlite3.connect(file) as connection:
        connection.execute(sql, values)
    connection.close()


def writing(provider: Sqlite) -> sqlite3.Connection:
    assert provider._open is not None
    return provider._open[1]._connection


async def test_a_relative_path_starts_at_home_and_its_folder_is_made(tmp_path: Path, clock: Time) -> None:
    async with opened(tmp_path, clock, path="a/b/m.db"):
        file = tmp_path / "a" / "b" / "m.db"
        assert file.stat().st_mode & 0o777 == 0o600
        assert file.parent.stat().st_mode & 0o077 == 0


def test_a_database_in_memory_is_not_offered() -> None:
    with pytest.raises(msgspec.ValidationError, match="type: memory"):
        msgspec.convert({"path": ":memory:"}, SqliteOptions)


async def test_a_file_of_a_newer_layout_is_refused_and_left_alone(tmp_path: Path, clock: Time) -> None:
    async with opened(tmp_path, clock):
        pass
    spoil(tmp_path / "m.db", f"PRAGMA user_version = {VERSION + 1}")
    with pytest.raises(Unavailable, match="newer") as caught:
        async with opened(tmp_path, clock):
            pass
    assert caught.value.code == "sqlite_newer_file"
    spoil(tmp_path / "m.db", f"PRAGMA user_version = {VERSION}")
    async with opened(tmp_path, clock):
        pass


async def test_another_programs_database_is_refused(tmp_path: Path, clock: Time) -> None:
    spoil(tmp_path / "m.db", "CREATE TABLE theirs (a)")
    with pytest.raises(Unavailable, match="another program"):
        async with opened(tmp_path, clock):
            pass


async def test_what_is_no_database_is_refused(tmp_path: Path, clock: Time) -> None:
    (tmp_path / "m.db").write_bytes(b"not a database at all, but long enough to be looked at" * 100)
    with pytest.raises(Unavailable, match="not a database"):
        async with opened(tmp_path, clock):
            pass
    with pytest.raises(Unavailable, match="cannot be opened"):
        async with opened(tmp_path, clock, path="."):
            pass


async def test_many_may_make_the_same_new_file_at_once(tmp_path: Path, clock: Time, make: Maker) -> None:
    async with AsyncExitStack() as stack:
        each = await asyncio.gather(*(stack.enter_async_context(opened(tmp_path, clock)) for _ in range(6)))
        records = make.records(6)
        await asyncio.gather(*(provider.put([record]) for provider, record in zip(each, records, strict=True)))
        assert await scanned(each[0], Reach.only(make.scope())) == records[::-1]


SPOILS = (
    "UPDATE records SET metadata = '{\"a\": '", "UPDATE records SET metadata = '[1]'", "UPDATE records SET provenance = 'x'",
    "UPDATE records SET kind = 'memories'", "UPDATE records SET version = 'one'", "UPDATE records SET version = 0",
    "UPDATE records SET created = 'today'", "UPDATE records SET updated = 9223372036854775807",
    "UPDATE records SET text = x'ff00ff'", "UPDATE records SET text = CAST(x'ff00ff' AS TEXT)",
    "UPDATE records SET body = 'text'", "UPDATE records SET role = x'05'", "UPDATE records SET expires = 'never'",
    "UPDATE scopes SET tenant = 'other'",
)  # fmt: skip


@pytest.mark.parametrize("sql", SPOILS)
async def test_a_damaged_record_is_tampered_and_never_missing(
    sql: str, tmp_path: Path, clock: Time, make: Maker
) -> None:
    record = make.record(metadata={"a": 1})
    async with opened(tmp_path, clock) as provider:
        await provider.put([record])
        assert await one(provider, record) == record
        spoil(tmp_path / "m.db", sql)
        with pytest.raises(Tampered):
            await one(provider, record)


async def test_damaged_metadata_is_tampered_inside_a_filter_too(tmp_path: Path, clock: Time, make: Maker) -> None:
    record = make.record(metadata={"a": 1})
    where = Where(frozenset({Kind.MEMORY}), Compare("eq", 1, path=("a",)))
    async with opened(tmp_path, clock) as provider:
        await provider.put([record])
        spoil(tmp_path / "m.db", "UPDATE records SET metadata = '{\"a\": '")
        with pytest.raises(Tampered):
            await provider.scan(Reach.only(record.scope), Scan(where=where, limit=10))


async def test_a_full_disk_is_said_and_ends_when_there_is_room(tmp_path: Path, clock: Time, make: Maker) -> None:
    async with opened(tmp_path, clock) as provider:
        kept = make.record()
        await provider.put([kept])
        pages = writing(provider).execute("PRAGMA page_count").fetchone()[0]
        writing(provider).execute(f"PRAGMA max_page_count = {pages + 2}")
        large = [make.record("x" * 100_000) for _ in range(3)]
        outcomes = await asyncio.gather(*(provider.put([each]) for each in large), return_exceptions=True)
        assert [getattr(each, "code", "") for each in outcomes] == ["sqlite_full"] * 3
        assert await scanned(provider, Reach.only(make.scope())) == [kept]
        writing(provider).execute("PRAGMA max_page_count = 1000000")
        assert list(await provider.put(large)) == [True] * 3


async def test_a_file_that_cannot_be_written_is_said(tmp_path: Path, clock: Time, make: Maker) -> None:
    async with opened(tmp_path, clock) as provider:
        writing(provider).execute("PRAGMA query_only = ON")
        with pytest.raises(Unavailable, match="cannot be written"):
            await provider.put([make.record()])


async def test_a_lock_that_stays_is_said_and_reads_go_on(tmp_path: Path, clock: Time, make: Maker) -> None:
    async with opened(tmp_path, clock) as provider:
        kept = make.record()
        await provider.put([kept])
        writing(provider).execute("PRAGMA busy_timeout = 50")
        other = sqlite3.connect(tmp_path / "m.db", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(Unavailable, match="locked"):
            await provider.put([make.record()])
        assert await one(provider, kept) == kept
        other.execute("ROLLBACK")
        other.close()
        assert list(await provider.put([make.record()])) == [True]


async def test_a_write_that_fails_fails_alone_and_whole(tmp_path: Path, clock: Time, make: Maker) -> None:
    good = make.records(20)
    bad = [make.record("fine"), make.record("\ud800")]
    async with opened(tmp_path, clock) as provider:
        outcomes = await asyncio.gather(
            *(provider.put([each]) for each in good[:10]), provider.put(bad), *(provider.put([each]) for each in good[10:]),
            return_exceptions=True,
        )  # fmt: skip
        assert isinstance(outcomes[10], Invalid)
        assert sum(outcome == [True] for outcome in outcomes) == 20
        assert await scanned(provider, Reach.only(make.scope())) == good[::-1]


async def test_waiting_writes_share_commits(tmp_path: Path, clock: Time, make: Maker) -> None:
    async with opened(tmp_path, clock) as provider:
        await asyncio.gather(*(provider.put([make.record()]) for _ in range(300)))
        assert writing(provider).execute("SELECT revision FROM meta").fetchone()[0] < 150


async def test_more_waiting_writes_than_allowed_are_refused(tmp_path: Path, clock: Time, make: Maker) -> None:
    async with opened(tmp_path, clock) as provider:
        assert provider._open is not None
        provider._open[1]._waiting = 5
        other = sqlite3.connect(tmp_path / "m.db", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        first = asyncio.ensure_future(provider.put([make.record()]))
        await asyncio.sleep(0.05)  # the writer has taken it and waits for the lock
        waiting = [asyncio.ensure_future(provider.put([make.record()])) for _ in range(8)]
        done, _ = await asyncio.wait(waiting, timeout=0.05)
        assert [getattr(task.exception(), "code", "") for task in done] == ["write_queue_full"] * 3
        other.execute("ROLLBACK")
        other.close()
        assert await first == [True]
        assert [await task for task in waiting if task not in done] == [[True]] * 5


async def test_what_waits_when_it_closes_is_still_written(tmp_path: Path, clock: Time, make: Maker) -> None:
    async with opened(tmp_path, clock) as provider:
        tasks = [asyncio.ensure_future(provider.put([make.record()])) for _ in range(50)]
        await asyncio.sleep(0)
    assert [await task for task in tasks] == [[True]] * 50
    with pytest.raises(Unavailable):
        await provider.put([make.record()])
    with pytest.raises(Unavailable):
        await one(provider, make.record())


def files(home: Path) -> list[str]:
    return [file.name for file in home.iterdir()]


def residue(home: Path, word: str) -> bool:
    return any(word.encode() in file.read_bytes() for file in home.iterdir())


async def test_closing_leaves_one_file_in_which_nothing_deleted_is_left(
    tmp_path: Path, clock: Time, make: Maker
) -> None:
    gone = [make.record(f"zebracanary{n} " * 20, make.scope("quaggauser"), metadata={"okapikey": n}) for n in range(50)]
    kept = make.record("kept giraffecanary")
    async with opened(tmp_path, clock) as provider:
        await provider.put([*gone, kept])
    assert all(residue(tmp_path, word) for word in ("zebracanary", "quaggauser", "okapikey", "giraffecanary"))
    async with opened(tmp_path, clock) as provider:
        assert await provider.delete(Reach.only(gone[0].scope), [each.id for each in gone]) == 50
    assert files(tmp_path) == ["m.db"]
    assert not any(residue(tmp_path, word) for word in ("zebracanari", "zebracanary", "quaggauser", "okapikey"))
    assert residue(tmp_path, "giraffecanary")


async def test_without_secure_deletion_deleted_words_stay_in_the_file(tmp_path: Path, clock: Time, make: Maker) -> None:
    gone = [make.record(f"zebracanary{n} " * 20) for n in range(50)]
    async with opened(tmp_path, clock) as provider:
        writing(provider).execute("PRAGMA secure_delete = OFF")
        await provider.put([*gone, make.record("kept")])
        await provider.delete(Reach.only(make.scope()), [each.id for each in gone])
    assert residue(tmp_path, "zebracanary")


async def test_a_read_that_takes_too_long_here_is_done_on_a_thread(
    tmp_path: Path, clock: Time, make: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    records = make.records(900)
    async with opened(tmp_path, clock) as provider:
        await provider.put(records)
        assert provider._open is not None
        readers = provider._open[0]
        threads = Mock(wraps=readers.long)
        monkeypatch.setattr(readers, "long", threads)
        monkeypatch.setattr("gateway.providers.sqlite.readers._SECONDS", -1.0)
        readers._inline.connection.set_progress_handler(readers._too_long, 10)
        assert await scanned(provider, Reach.only(make.scope())) == records[::-1]
        assert threads.called


async def test_vectors_beyond_the_cache_are_searched_all_the_same(tmp_path: Path, clock: Time, make: Maker) -> None:
    records = [make.record(vector=unit([1, n])) for n in range(100)]
    async with opened(tmp_path, clock, cache=Size("100B")) as provider:
        await provider.put(records)
        for _ in range(2):
            hits = await provider.nearest(Reach.only(make.scope()), unit([1, 0]), MEMORIES, 2)
            assert [hit.record.id for hit in hits] == [records[0].id, records[1].id]
        assert provider._matrices._held == 0
        assert not provider._matrices._known
