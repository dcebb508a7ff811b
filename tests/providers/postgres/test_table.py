"""The table: made once, never somebody else's, whole whatever comes into it, and open to other programs' SQL."""

import asyncio
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from gateway.domain.errors import Unavailable
from gateway.domain.ports import Where
from gateway.domain.record import Kind, Provenance
from gateway.domain.scope import Reach
from gateway.testing.making import MEMORIES, Maker, cosine, everything, one, scanned, unit
from gateway.testing.subjects import DIMENSION
from gateway.testing.worker import Job
from tests.providers.postgres.conftest import Opened


async def objects(sql: Any, table: str) -> list[tuple[Any, ...]]:
    """Everything that is there under the table's name, with what tells one making from another."""
    rows = await sql.fetch(
        "SELECT oid::bigint, relname::text, relkind::text, xmin::text FROM pg_class WHERE relname LIKE $1 ORDER BY 2",
        table.replace("_", r"\_") + "%",
    )
    return [tuple(row) for row in rows]


async def test_the_table_of_the_yaml_is_made_and_a_second_start_changes_nothing(
    opened: Opened, sql: Any, table: str, make: Maker
) -> None:
    assert await objects(sql, table) == []
    record = make.record()
    async with opened() as provider:
        await provider.put([record])
    made = await objects(sql, table)
    assert table in [name for _, name, *_ in made]
    async with opened() as provider:
        assert await one(provider, record) == record
    assert await objects(sql, table) == made
    assert await sql.fetchval(f"SELECT content FROM {table}") == record.text


async def test_a_table_may_have_a_schema_and_capitals(opened: Opened, sql: Any, table: str, make: Maker) -> None:
    await sql.execute(f"CREATE SCHEMA {table}_s")
    async with opened(table=f"{table}_s.Memories") as provider:
        record = make.record()
        await provider.put([record])
        assert await one(provider, record) == record
    assert await sql.fetchval(f'SELECT count(*) FROM {table}_s."Memories"') == 1


async def test_a_schema_that_is_not_there_is_said(opened: Opened) -> None:
    with pytest.raises(Unavailable, match="schema"):
        async with opened(table="nowhere_at_all.memories"):
            pass


async def test_another_programs_table_is_refused_and_left_as_it_is(opened: Opened, sql: Any, table: str) -> None:
    await sql.execute(f"CREATE TABLE {table} (id serial PRIMARY KEY, note text)")
    before = await objects(sql, table)
    with pytest.raises(Unavailable, match="another program"):
        async with opened():
            pass
    assert await objects(sql, table) == before


async def test_a_newer_layout_is_refused(opened: Opened, sql: Any, table: str) -> None:
    async with opened():
        pass
    await sql.execute(f"UPDATE {table}_meta SET layout = 99")
    with pytest.raises(Unavailable, match="newer Memory Gateway"):
        async with opened():
            pass


def worked(job: Job) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "gateway.testing.worker", msgspec.json.encode(job).decode()]
    return subprocess.run(command, capture_output=True, cwd=Path(__file__).parents[3], timeout=60, check=False)


async def test_four_processes_start_at_once_on_nothing(
    url: str, sql: Any, table: str, tmp_path: Path, make: Maker
) -> None:
    jobs = [
        Job(
            plugin="gateway.providers.postgres:Postgres", options={"url": url, "table": table}, home=str(tmp_path),
            token=table, server={}, tenant=make.tenant, seed=f"{table}{n}", batches=8,
        )
        for n in range(4)
    ]  # fmt: skip
    ends = await asyncio.gather(*(asyncio.to_thread(worked, job) for job in jobs))
    assert [each.returncode for each in ends] == [0] * 4, [each.stderr.decode()[-500:] for each in ends]
    acknowledged = sum(len(msgspec.json.decode(line)["ids"]) for each in ends for line in each.stdout.splitlines())
    assert await sql.fetchval(f"SELECT count(*) FROM {table}") == acknowledged
    assert await sql.fetchval(f"SELECT sum(records) FROM {table}_census") == acknowledged
    assert await sql.fetchval(f"SELECT sum(records) FROM {table}_scopes") == acknowledged


async def test_messages_stand_in_the_columns_of_a_plain_table_of_messages(
    opened: Opened, sql: Any, table: str, make: Maker
) -> None:
    message = make.record("hello", make.scope(run="s1"), kind=Kind.MESSAGE, role="user", metadata={"a": 1})
    async with opened() as provider:
        await provider.put([message, make.record("a memory")])
    (row,) = await sql.fetch(f'SELECT id, session_id, role, content, "timestamp", metadata FROM {table}_messages')
    assert tuple(row) == (message.id, "s1", "user", "hello", message.created_at, '{"a": 1}')


@pytest.mark.parametrize("vectors", [True, False])
async def test_what_text_and_jsonb_cannot_hold_comes_back_whole(
    vectors: bool, opened: Opened, sql: Any, table: str, make: Maker
) -> None:
    odd = [
        make.record("nul \0 inside", role="a\0b", body=b"\0\1", vector=make.vector(DIMENSION)),
        make.record(metadata={"a\0": ["\0", "\\u0000", {"b": "\0"}]}),
        make.record(metadata={"big": 1e22, "huge": 1e300, "zero": -0.0, "tiny": 5e-324, "whole": 1e15}),
        make.record(provenance=Provenance(agent="a\0", user="u")),
        make.record(vector=b"\0\0\xc0\x7f" * DIMENSION),  # not numbers
        make.record(created_at=datetime(1, 1, 1, tzinfo=UTC), expires_at=datetime.max.replace(tzinfo=UTC)),
    ]
    async with opened(vectors=vectors) as provider:
        assert all(await provider.put(odd))
        for record in odd:
            found = await one(provider, record)
            assert found is not None
            assert found == record
            assert repr(found.metadata) == repr(record.metadata)
        newer = make.record("plain", id=odd[0].id, version=2)
        assert list(await provider.put([newer])) == [True]
        assert await one(provider, newer) == newer
    assert "\ufffd" in await sql.fetchval(f"SELECT metadata::text FROM {table} WHERE id = $1", odd[1].id)


async def test_an_id_that_text_cannot_hold_is_refused_in_words_and_found_nowhere(opened: Opened, make: Maker) -> None:
    record = make.record(id="a\0b")
    async with opened() as provider:
        with pytest.raises(Exception, match="NUL"):
            await provider.put([record])
        assert list(await provider.get(Reach.only(record.scope), [record.id])) == [None]
        assert await provider.delete(Reach.only(record.scope), [record.id]) == 0


async def test_a_batch_with_one_impossible_record_stores_nothing(opened: Opened, make: Maker) -> None:
    good = make.record()
    impossible = make.record(id="x" * 9_000)  # no entry of an index may be so long, even compressed
    impossible = msgspec.structs.replace(impossible, id="".join(chr(0x4E00 + n) for n in range(9_000)))
    async with opened() as provider:
        with pytest.raises(Exception, match="no form"):
            await provider.put([good, impossible])
        assert await scanned(provider, everything(make.tenant)) == []


async def test_vectors_kept_as_bytes_move_into_the_column_when_they_are_wanted(
    opened: Opened, sql: Any, table: str, make: Maker
) -> None:
    records = [make.record(vector=make.vector(DIMENSION)) for _ in range(7)]
    reach, query = Reach.only(make.scope()), make.vector(DIMENSION)
    async with opened(vectors=False) as provider:
        await provider.put(records)
    for _ in range(2):
        async with opened(vectors=True) as provider:
            assert await scanned(provider, reach, vectors=True) == records[::-1]
            hits = await provider.nearest(reach, query, MEMORIES, 3)
            oracle = sorted((cosine(each.vector or b"", query) for each in records), reverse=True)[:3]
            assert [hit.score for hit in hits] == pytest.approx(oracle, abs=1e-4)
    assert await sql.fetchval(f"SELECT count(*) FROM {table} WHERE vector IS NOT NULL") == 0
    async with opened(vectors=False) as provider:  # and back: what is in the column is still read
        assert await scanned(provider, reach, vectors=True) == records[::-1]


async def test_without_the_extension_auto_searches_exactly_and_true_says_what_is_missing(
    url: str, sql: Any, table: str, opened: Opened, make: Maker
) -> None:
    await sql.execute(f"CREATE DATABASE {table}_bare")
    await sql.execute(f"CREATE ROLE {table}_bare LOGIN NOSUPERUSER")
    await sql.execute(f"ALTER DATABASE {table}_bare OWNER TO {table}_bare")
    host = url.partition("@")[2].partition("/")[0]
    bare = f"postgresql://{table}_bare@{host}/{table}_bare"
    with pytest.raises(Unavailable, match="needs the extension pgvector"):
        async with opened(url=bare, vectors=True):
            pass
    records = [make.record(f"n {n}", vector=unit([1, n, 0, 0, 0, 0, 0, 0]), metadata={"n": n % 2}) for n in range(30)]
    reach = Reach.only(make.scope())
    async with opened(url=bare) as provider:
        await provider.put(records)
        assert await scanned(provider, reach, vectors=True) == records[::-1]
        hits = await provider.nearest(reach, unit([1, 0, 0, 0, 0, 0, 0, 0]), Where(frozenset({Kind.MEMORY})), 2)
        assert [hit.record.id for hit in hits] == [records[0].id, records[1].id]
        assert hits[0].score == pytest.approx(1, abs=1e-4)
        assert [hit.record.text for hit in await provider.matching(reach, ["7"], MEMORIES, 5)] == ["n 7"]


async def test_an_hnsw_index_serves_wide_searches_and_one_scope_stays_exact(
    opened: Opened, sql: Any, table: str, make: Maker
) -> None:
    records = [make.record(scope=make.scope(f"u{n % 40}"), vector=make.vector(DIMENSION)) for n in range(400)]
    query = make.vector(DIMENSION)
    async with opened(hnsw=True) as provider:
        await provider.put(records)
        assert await sql.fetchval("SELECT count(*) FROM pg_indexes WHERE indexname = $1", f"{table}_hnsw_8") == 1
        best = sorted(records, key=lambda each: -cosine(each.vector or b"", query))
        wide = await provider.nearest(everything(make.tenant), query, MEMORIES, 10)
        assert len({hit.record.id for hit in wide} & {each.id for each in best[:10]}) >= 8
        mine = [each for each in best if each.scope.user == "u3"]
        found = await provider.nearest(Reach.only(make.scope("u3")), query, MEMORIES, 10)
        assert [hit.record.id for hit in found] == [each.id for each in mine]


async def test_rows_that_somebody_deletes_with_sql_leave_every_counter_true(
    opened: Opened, sql: Any, table: str, make: Maker
) -> None:
    records = make.records(5)
    reach = Reach.only(make.scope())
    async with opened() as provider:
        await provider.put(records)
        before = await provider.revision(reach)
        await sql.execute(f"DELETE FROM {table} WHERE id = $1", records[0].id)
        assert await provider.revision(reach) != before
        assert (await provider.count())[Kind.MEMORY].records == 4
