"""A whole gateway on PostgreSQL: what its YAML says happens, over HTTP and across restarts."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gateway.auth.keys import new_key
from gateway.config.catalog import Catalog
from gateway.config.compiler import compile_config
from gateway.domain.errors import Unavailable
from gateway.providers.postgres import Postgres
from tests.gateways import Gateway, gateway
from tests.providers.postgres.conftest import Opened, driver

ROOT = Path(__file__).parents[3]
ASKING = {"user_id": "ann"}
WHOLE = """
version: 1
providers:
  main: {{{entry}, table: {table}{more}}}
tenants:
  default:
    auth: {{mode: open}}
    chain: main
    routes:
      notes: {{default: true}}
      chat: {{default: true, kinds: [message]}}
      runs: {{default: true, kinds: [checkpoint]}}
"""
TYPED = 'type: postgres, url: "${env:POSTGRES_URL}"'
NOTES = (
    ("she adores felines", {"topic": "pets", "n": 1, "tags": ["cat"]}),
    ("the train to Bern was late", {"topic": "travel", "n": 2, "tags": ["rail", "swiss"]}),
    ("runs ten kilometres on Sundays", {"topic": "sport", "n": 3}),
    ("is learning the violin", {"topic": "music", "n": 4}),
)

Text = Callable[..., str]


@pytest.fixture
def text(url: str, table: str, monkeypatch: pytest.MonkeyPatch) -> Text:
    monkeypatch.setenv("POSTGRES_URL", url)

    def made(more: str = "", entry: str = TYPED) -> str:
        return WHOLE.format(entry=entry, table=table, more=more)

    return made


async def remember(served: Gateway) -> None:
    for content, metadata in NOTES:
        made = await served.post("/v1/memories", {**ASKING, "content": content, "metadata": metadata})
        assert made.status_code == 201, made.text


async def found(served: Gateway, query: str, **more: Any) -> list[dict[str, Any]]:
    reply = await served.post("/v1/memories/search", {**ASKING, "query": query, **more})
    assert reply.status_code == 200, reply.text
    return reply.json()["results"]


async def say(served: Gateway, content: str, session: str = "s1", role: str = "user", **more: Any) -> None:
    body = {**ASKING, "message": {"role": role, "content": content, **more}}
    assert (await served.post(f"/v1/sessions/{session}/messages", body)).status_code == 201


async def heard(served: Gateway, session: str = "s1", user: str = "ann") -> list[tuple[str, str]]:
    reply = await served.get(f"/v1/sessions/{session}/messages", params={"user_id": user})
    assert reply.status_code == 200, reply.text
    return [(each["role"], each["content"]) for each in reply.json()["messages"]]


async def test_memories_sessions_and_checkpoints_outlive_a_restart(tmp_path: Path, text: Text) -> None:
    async with gateway(tmp_path, text()) as first:
        await remember(first)
        await say(first, "hello")
        await first.http.put("/v1/sessions/s1/system", json={**ASKING, "content": "be kind"})
        for step in (1, 2):
            state = {"step": step, "nested": {"list": [1, 2.5, None]}}
            reply = await first.http.put(f"/v1/runs/r1/checkpoints/c{step}", json={**ASKING, "state": state})
            assert reply.status_code < 300, reply.text
    async with gateway(tmp_path, text()) as second:
        assert len((await second.get("/v1/memories", params=ASKING)).json()["memories"]) == len(NOTES)
        await say(second, "hello to you", role="assistant")
        assert await heard(second) == [("user", "hello"), ("assistant", "hello to you")]
        latest = (await second.get("/v1/runs/r1/checkpoints/latest", params=ASKING)).json()
        assert latest["state"] == {"step": 2, "nested": {"list": [1, 2.5, None]}}
        one = (await second.get("/v1/runs/r1/checkpoints/c1", params=ASKING)).json()
        assert one["state"]["step"] == 1
        listed = (await second.get("/v1/runs/r1/checkpoints", params=ASKING)).json()["checkpoints"]
        assert [each["checkpoint_id"] for each in listed] == ["c2", "c1"]


@pytest.mark.parametrize("scheme", ["postgres", "postgresql"])
async def test_a_url_alone_picks_this_provider(
    scheme: str, tmp_path: Path, text: Text, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STORE", f"{scheme}://{url.partition('://')[2]}")
    shape = text(entry='store: "${env:STORE}"')
    async with gateway(tmp_path, shape) as served:
        await remember(served)
        assert len(await found(served, "violin")) >= 1
    compiled = compile_config(tmp_path / "gateway.yaml", {"STORE": f"{scheme}://h/d"}, Catalog.builtin())
    assert compiled.config is not None
    assert isinstance(compiled.config.providers["main"].options, Postgres.Options)


def test_a_scheme_that_nobody_has_fails_validation_at_its_key(tmp_path: Path, text: Text) -> None:
    (tmp_path / "gateway.yaml").write_text(text(entry='store: "postgrex://h/d"'))
    compiled = compile_config(tmp_path / "gateway.yaml", {}, Catalog.builtin())
    assert "/providers/main/store" in [note.path for note in compiled.diagnostics]


@pytest.mark.parametrize("key", ["vectors", "vector_enabled"])
async def test_with_vectors_a_paraphrase_finds_the_memory_in_the_pgvector_column(
    key: str, tmp_path: Path, text: Text, sql: Any, table: str
) -> None:
    async with gateway(tmp_path, text(f", {key}: true")) as served:
        await remember(served)
        hits = await found(served, "likes cats", strategy="semantic", top_k=1)
        assert [hit["content"] for hit in hits] == ["she adores felines"]
        assert all(0 <= hit["score"] <= 1 for hit in await found(served, "likes cats", strategy="semantic"))
    assert await sql.fetchval(f"SELECT count(*) FROM {table} WHERE embedding IS NOT NULL") >= len(NOTES)


async def test_without_vectors_words_are_found_by_their_stems_and_ranked(
    tmp_path: Path, text: Text, sql: Any, table: str
) -> None:
    async with gateway(tmp_path, text(", vector_enabled: false")) as served:
        await remember(served)
        hits = await found(served, "running trains", strategy="lexical")
        assert {hit["content"] for hit in hits} == {NOTES[1][0], NOTES[2][0]}
        assert [hit["score"] for hit in hits] == sorted((hit["score"] for hit in hits), reverse=True)
        assert (await found(served, "likes cats", strategy="semantic", top_k=1))[0]["content"] == "she adores felines"
    column = "SELECT count(*) FROM pg_attribute WHERE attrelid = to_regclass($1) AND attname = 'embedding'"
    assert await sql.fetchval(column, table) == 0


async def test_filters_on_metadata_hold_before_the_limit(tmp_path: Path, text: Text) -> None:
    expected: tuple[tuple[dict[str, Any], set[int]], ...] = (
        ({"topic": "pets"}, {1}), ({"topic": {"ne": "pets"}}, {2, 3, 4}), ({"n": {"in": [2, 3, 9]}}, {2, 3}),
        ({"n": {"gt": 2}}, {3, 4}), ({"n": {"lt": 2}}, {1}), ({"tags": {"contains": "swiss"}}, {2}),
        ({"topic": "'; DROP TABLE x; --"}, set()),
    )  # fmt: skip
    async with gateway(tmp_path, text()) as served:
        await remember(served)
        for filters, numbers in expected:
            hits = await found(served, "anything", strategy="all", filters=filters)
            assert {hit["metadata"]["n"] for hit in hits} == numbers, filters


async def test_the_pool_is_as_large_as_it_is_said_and_gone_after_the_end(
    tmp_path: Path, text: Text, sql: Any, url: str, monkeypatch: pytest.MonkeyPatch, table: str
) -> None:
    monkeypatch.setenv("POSTGRES_URL", f"{url}?application_name={table}")
    mine = "SELECT count(*) FROM pg_stat_activity WHERE application_name = $1"
    async with gateway(tmp_path, text(", pool_size: 3, min_pool_size: 2")) as served:
        assert await sql.fetchval(mine, table) == 2
        for n in range(8):
            await say(served, str(n))
        assert 2 <= await sql.fetchval(mine, table) <= 3
    assert await sql.fetchval(mine, table) == 0


async def seeded(url: str, name: str, kind: str = "TIMESTAMP") -> Any:
    """A connection, and a table as programs of old have made it, with two sessions in it."""
    connection = await driver.connect(url)
    await connection.execute(f"""CREATE TABLE {name} (
        id SERIAL PRIMARY KEY, session_id TEXT NOT NULL, role TEXT NOT NULL, content TEXT,
        timestamp {kind} DEFAULT NOW(), metadata JSONB)""")
    rows = [("s1", "user", f"word {n}", f'{{"n": {n}}}') for n in range(700)]
    rows += [("s2", "system", "be kind", None), ("s2", "user", None, '["no object"]'), ("s2", "user", "hi", '{"a": 1}')]
    async with connection.transaction():  # one transaction: one time for all of them
        await connection.executemany(
            f"INSERT INTO {name} (session_id, role, content, metadata) VALUES ($1, $2, $3, $4)", rows
        )
    return connection


@pytest.mark.parametrize("kind", ["TIMESTAMP", "TIMESTAMPTZ"])
async def test_an_older_table_of_messages_is_adopted_once_and_goes_on(
    kind: str, tmp_path: Path, text: Text, url: str, table: str
) -> None:
    old = await seeded(url, f"{table}_old", kind)
    shape = text(f", adopt: {{table: {table}_old, tenant: default, space: default, user: ann}}")
    try:
        async with gateway(tmp_path, shape) as served:
            assert (await heard(served, "s2")) == [("system", "be kind"), ("user", None), ("user", "hi")]
            page = (await served.get("/v1/sessions/s1/messages", params={**ASKING, "limit": 100})).json()["messages"]
            assert [each["content"] for each in page] == [f"word {n}" for n in range(600, 700)]
            assert page[-1]["metadata"] == {"n": 699}
            listed = (await served.get("/v1/sessions", params=ASKING)).json()["sessions"]
            assert sorted(each["session_id"] for each in listed) == ["s1", "s2"]
            await say(served, "and more", "s2")
            assert (await served.http.delete("/v1/sessions/s1/messages", params=ASKING)).json() == {"deleted": 700}
        await old.execute(f"INSERT INTO {table}_old (session_id, role, content) VALUES ('s2', 'user', 'late')")
        async with gateway(tmp_path, shape) as served:  # what was deleted does not come back; what is new does
            assert await heard(served, "s1") == []
            assert {content for _, content in await heard(served, "s2")} == {"be kind", None, "hi", "and more", "late"}
            listed = (await served.get("/v1/sessions", params=ASKING)).json()["sessions"]
            assert len([each for each in listed if each["session_id"] == "s2"]) == 1
        assert await old.fetchval(f"SELECT count(*) FROM {table}_old") == 704
    finally:
        await old.close()


async def test_adopting_what_is_no_table_of_messages_is_said(opened: Opened, sql: Any, table: str) -> None:
    await sql.execute(f"CREATE TABLE {table}_old (id serial PRIMARY KEY, content text)")
    for name in (f"{table}_old", f"{table}_nowhere"):
        with pytest.raises(Unavailable, match=r"lacks .*metadata, role, session_id, timestamp"):
            async with opened(adopt={"table": name, "tenant": "default", "space": "default"}):
                pass


async def test_the_example_for_production_serves_on_a_real_server(
    tmp_path: Path, role: str, table: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(ROOT / "configs/postgres", tmp_path, dirs_exist_ok=True)
    tenant = (tmp_path / "tenants/example.yaml").read_text()
    key = new_key(os.urandom)
    zeros = "sha256:" + "0" * 63 + "4"
    assert zeros in tenant
    main = (tmp_path / "gateway.yaml").read_text()
    assert "table: agent_memories" in main
    monkeypatch.setenv("DATABASE_URL", role)
    files = {"tenants/example.yaml": tenant.replace(zeros, key.hash)}
    async with gateway(tmp_path, main.replace("agent_memories", table), files) as served:
        served.http.headers["Authorization"] = f"Bearer {key.text}"
        await remember(served)
        assert (await found(served, "violin lessons"))[0]["content"] == "is learning the violin"
        await say(served, "hello")
        assert await heard(served) == [("user", "hello")]
        await served.http.put("/v1/runs/r1/checkpoints/c1", json={**ASKING, "state": {"a": 1}})
        latest = (await served.get("/v1/runs/r1/checkpoints/latest", params=ASKING)).json()
        assert latest["state"] == {"a": 1}
    connection = await driver.connect(role)
    try:
        assert await connection.fetchval(f"SELECT count(*) FROM {table}") == 0  # the fence of the example is up
    finally:
        await connection.close()
