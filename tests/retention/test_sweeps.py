"""Sweeps: what is too old or too much goes, never before it is safe in its archive, once for all workers, and comes back."""

import asyncio
from collections.abc import Generator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner

from gateway.cli import main
from gateway.domain.errors import Unavailable
from gateway.domain.ports import Order, Where
from gateway.domain.record import Kind, Record
from gateway.domain.scope import Reach, Scope
from gateway.runtime.bound import BoundRoute
from gateway.services.retention import archiving, scheduling
from gateway.services.retention.restoring import restore
from gateway.services.retention.sweeping import sweep
from gateway.services.walking import walk
from tests.gateways import Gateway, gateway
from tests.retention.talking import configured, said, say, until
from tests.servers.aws import KEYS, aws

NOTES = """
version: 1
providers:
  main: {{type: sqlite, path: data/main.db, embedder: none}}
  cold: {{type: folder, path: data/cold, embedder: none}}
tenants:
  demo:
    auth: {{mode: open}}
    routes:
      notes:
        default: true
        chain: main
        retention: {{{retention}}}
"""
WHOLE = Reach("demo", "default", None, None, None)
MEMORY = Where(frozenset({Kind.MEMORY}))


def route_of(made: Gateway, name: str = "notes") -> BoundRoute:
    return made.helm.running.snapshot.tenants["demo"].routes[name]


async def remember(made: Gateway, *texts: str, user: str = "ann", **metadata: Any) -> list[str]:
    ids: list[str] = []
    for text in texts:
        reply = await made.post("/v1/memories", {"content": text, "user_id": user, "metadata": metadata})
        assert reply.status_code in (200, 201), reply.text
        ids.append(_id_of(reply.json()))
    return ids


def _id_of(reply: Any) -> str:
    return str(reply["id"] if "id" in reply else reply["results"][0]["id"])


async def texts(provider: Any, reach: Reach = WHOLE, where: Where = MEMORY) -> list[str]:
    return [record.text async for record in walk(provider, reach, where, order=Order.OLDEST)]


async def swept(made: Gateway, name: str = "notes", **more: Any) -> Any:
    return await sweep(route_of(made, name), made.clock(), **more)


async def test_the_important_is_in_the_archive_before_anything_old_is_deleted(tmp_path: Path) -> None:
    text = NOTES.format(retention="max_age_days: 30, archive: cold, archive_if: {important: true}")
    async with gateway(tmp_path, text) as made:
        await remember(made, "the safe is green", important=True)
        await remember(made, "rain today", important=False)
        made.clock.forward(days=31)
        await remember(made, "a new one", important=True)
        dry = await swept(made, dry=True)
        assert (dry.memories, dry.gone.deleted, {each.why for each in dry.going}) == (2, 0, {"age"})
        assert len(await texts(route_of(made).provider)) == 3
        done = await swept(made)
        assert (done.gone.archived, done.gone.deleted, done.gone.kept) == (1, 2, 0)
        assert await texts(route_of(made).archive) == ["the safe is green"]
        assert await texts(route_of(made).provider) == ["a new one"]
        told = (await made.get("/metrics")).text
        assert 'gateway_retention_records_total{route="notes",tenant="demo",what="archived"} 1.0' in told


class Forgetful:
    """An archive that says it has stored what it has not: every other record."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner

    async def put(self, records: Sequence[Record]) -> Sequence[bool]:
        await self._inner.put(records[::2])
        return [True] * len(records)

    async def get(self, reach: Reach, ids: Sequence[str]) -> Any:
        return await self._inner.get(reach, ids)

    async def scan(self, reach: Reach, scan: Any) -> Any:
        return await self._inner.scan(reach, scan)


async def _lost(tmp_path: Path) -> list[str]:
    """What is neither here nor there after a sweep into an archive that does not keep what it says."""
    text = NOTES.format(retention="max_age_days: 30, archive: cold")
    async with gateway(tmp_path, text) as made:
        told = [f"note {number}" for number in range(10)]
        await remember(made, *told)
        made.clock.forward(days=31)
        route = route_of(made)
        forgetful: Any = Forgetful(route.archive)
        done = await sweep(msgspec.structs.replace(route, archive=forgetful), made.clock())
        left = {*await texts(route.provider), *await texts(route.archive)}
        assert done.gone.kept in (0, 5)
        return [each for each in told if each not in left]


async def test_what_the_archive_does_not_have_is_not_deleted(tmp_path: Path) -> None:
    assert await _lost(tmp_path) == []


async def test_without_reading_back_records_would_be_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def trusting(archive: Any, records: Sequence[Record]) -> frozenset[str]:
        await archive.put(records)
        return frozenset(record.id for record in records)

    monkeypatch.setattr(archiving, "stored", trusting)
    assert len(await _lost(tmp_path)) == 5


async def test_an_archive_that_is_away_stops_the_sweep_and_nothing_goes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_: Any) -> Any:
        raise Unavailable("away")

    text = NOTES.format(retention="max_age_days: 30, archive: cold")
    async with gateway(tmp_path, text) as made:
        await remember(made, "one", "two")
        made.clock.forward(days=31)
        monkeypatch.setattr(archiving, "stored", away)
        with pytest.raises(Unavailable):
            await swept(made)
        assert len(await texts(route_of(made).provider)) == 2


async def test_what_changes_while_it_is_archived_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = NOTES.format(retention="max_age_days: 30, archive: cold")
    real = archiving.stored
    async with gateway(tmp_path, text) as made:
        (id_,) = await remember(made, "before")
        made.clock.forward(days=31)

        async def slow(archive: Any, records: Sequence[Record]) -> frozenset[str]:
            safe = await real(archive, records)
            reply = await made.http.patch(f"/v1/memories/{id_}", json={"content": "after", "user_id": "ann"})
            assert reply.status_code == 200, reply.text
            return safe

        monkeypatch.setattr(archiving, "stored", slow)
        done = await swept(made)
        assert (done.gone.deleted, done.gone.kept) == (0, 1)
        assert await texts(route_of(made).provider) == ["after"]


@pytest.mark.parametrize("keep", ["newest", "changed"])
async def test_of_each_owner_only_so_many_memories_stay(tmp_path: Path, keep: str) -> None:
    async with gateway(tmp_path, NOTES.format(retention=f"max_memories: 3, keep: {keep}")) as made:
        ids = await remember(made, *[f"ann {number}" for number in range(5)])
        await remember(made, "bob 0", user="bob")
        await made.http.patch(f"/v1/memories/{ids[0]}", json={"content": "ann 0, changed", "user_id": "ann"})
        assert (await swept(made)).memories == 2
        left = await texts(route_of(made).provider)
        kept = ["ann 0, changed", "ann 3", "ann 4"] if keep == "changed" else ["ann 2", "ann 3", "ann 4"]
        assert left == [*kept, "bob 0"]
        history = Where(frozenset({Kind.HISTORY}))
        assert len(await texts(route_of(made).provider, WHOLE, history)) == (1 if keep == "changed" else 0)


async def test_idle_sessions_go_whole_and_of_the_others_what_is_too_old(tmp_path: Path) -> None:
    text = configured(retention="max_age_days: 30, archive: cold", provider="sqlite, path: data/m.db, embedder: none")
    call: dict[str, Any] = {"role": "assistant", "content": "looking", "tool_calls": [{"id": "c1"}]}
    async with gateway(tmp_path, text) as made:
        await say(made, {"role": "system", "content": "be brief"}, "idle 1", "idle 2", run="idle")
        await say(made, {"role": "system", "content": "be brief"}, "old", call, run="busy")
        made.clock.forward(days=20)
        await say(made, {"role": "tool", "tool_call_id": "c1", "content": "found"}, "young", run="busy")
        made.clock.forward(days=15)
        dry = await swept(made, "chat", dry=True)
        assert (dry.sessions, dry.messages) == (1, 3)
        assert [(each.id, each.why) for each in dry.going] == [("idle", "idle"), ("busy", "age")]
        assert len(await said(made, "idle")) == 2
        done = await swept(made, "chat")
        assert (done.sessions, done.messages, done.gone.archived) == (1, 3, 7)
        assert await said(made, "busy") == ["young"]  # the answer went with its call
        assert (await made.get("/v1/sessions/busy/system", params={"user_id": "ann"})).status_code == 200
        listed = (await made.get("/v1/sessions", params={"user_id": "ann"})).json()["sessions"]
        assert [each["session_id"] for each in listed] == ["busy"]
        assert (await swept(made, "chat")).going == []


async def test_what_was_archived_comes_back_with_its_id_one_version_on(tmp_path: Path) -> None:
    text = NOTES.format(retention="max_age_days: 30, archive: cold").replace("main.db, embedder: none", "main.db")
    async with gateway(tmp_path, text) as made:
        (id_, other) = await remember(made, "Ada lives in Paris", "Ada has a cat", topic={"n": 1.0})
        await remember(made, "Bob lives in Rome", user="bob")
        made.clock.forward(days=31)
        before = (await made.get(f"/v1/memories/{id_}", params={"user_id": "ann"})).json()
        await swept(made)
        assert await texts(route_of(made).provider) == []
        route, reach = route_of(made), msgspec.structs.replace(WHOLE, user="ann")
        told = await restore(route, reach, dry=True)
        assert (told.found, told.restored) == (2, 2) and await texts(route.provider) == []
        assert (await restore(route, reach)).restored == 2
        assert sorted(await texts(route.provider)) == ["Ada has a cat", "Ada lives in Paris"]
        after = (await made.get(f"/v1/memories/{id_}", params={"user_id": "ann"})).json()
        assert after["version"] == before["version"] + 1
        same = ("id", "content", "metadata", "created_at", "user_id")
        assert [after[key] for key in same] == [before[key] for key in same]
        found = await made.post("/v1/memories/search", {"query": "where does Ada live?", "user_id": "ann"})
        assert found.json()["results"][0]["id"] == id_
        assert (await restore(route, reach)).there == 2  # again: nothing to do
        assert (await swept(made)).memories == 0  # not old any more
        made.clock.forward(days=31)
        await made.http.delete(f"/v1/memories/{other}", params={"user_id": "ann"})
        assert (await swept(made)).gone.archived == 1
        assert (await restore(route, reach)).restored == 2  # the later copy took the place of the first


async def test_an_id_that_lives_again_is_archived_again(tmp_path: Path) -> None:
    async with gateway(tmp_path, NOTES.format(retention="max_age_days: 30, archive: cold")) as made:
        route = route_of(made)
        at, scope = made.clock(), Scope("demo", "default", "ann")
        first = Record(
            id="same", kind=Kind.MEMORY, scope=scope, text="first life", created_at=at, updated_at=at, version=7
        )
        assert route.archive is not None
        assert await archiving.stored(route.archive, [first]) == {"same"}
        second = msgspec.structs.replace(first, text="second life", version=1)
        assert await archiving.stored(route.archive, [second]) == {"same"}
        assert await texts(route.archive) == ["second life"]


async def test_copies_stay_in_their_scopes_and_end_when_the_records_would_have(tmp_path: Path) -> None:
    text = NOTES.format(retention="max_age_days: 1, archive: cold").replace(
        "chain: main", "chain: main\n        ttl: 3d"
    )
    async with gateway(tmp_path, text) as made:
        await remember(made, "ann's", user="ann")
        await remember(made, "bob's", user="bob")
        made.clock.forward(days=2)
        await swept(made)
        archive = route_of(made).archive
        assert await texts(archive, msgspec.structs.replace(WHOLE, user="ann")) == ["ann's"]
        assert await texts(archive, Reach("other", None, None, None, None)) == []
        made.clock.forward(days=2)
        assert await texts(archive) == []


async def test_the_schedule_sweeps_by_itself(tmp_path: Path) -> None:
    async with gateway(tmp_path, NOTES.format(retention="max_age_days: 0.00001, archive: cold, every: 1s")) as made:
        await remember(made, "soon gone")

        async def gone() -> bool:
            return await texts(route_of(made).provider) == []

        await until(gone, 20)
        assert await texts(route_of(made).archive) == ["soon gone"]


async def _sweeps_of_three_workers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> int:
    count: list[str] = []

    async def counted(route: BoundRoute, *_: Any, **__: Any) -> Any:
        count.append(route.name)
        await asyncio.sleep(0)
        return await sweep(route, made.clock())

    monkeypatch.setattr(scheduling, "sweep", counted)
    async with gateway(tmp_path, NOTES.format(retention="max_age_days: 30, archive: cold, every: 1h")) as made:
        workers = [scheduling.Sweeps(lambda: made.helm.running.snapshot, made.clock, lambda: 0.0) for _ in range(3)]
        tasks = [asyncio.create_task(each.run()) for each in workers]
        await asyncio.sleep(1.4)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    return len(count)


async def test_of_three_workers_one_sweeps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert await _sweeps_of_three_workers(tmp_path, monkeypatch) == 1


async def test_without_the_lease_all_three_would(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def free(*_: Any) -> bool:
        return True

    monkeypatch.setattr(scheduling, "taken", free)
    assert await _sweeps_of_three_workers(tmp_path, monkeypatch) == 3


@pytest.fixture(scope="module")
def bucket(tmp_path_factory: pytest.TempPathFactory) -> Generator[str]:
    """Options of an archive in S3, a stand-in of it."""
    with aws(tmp_path_factory.mktemp("moto")) as facts:
        keys = ", ".join(f"{name}: {value}" for name, value in KEYS.items())
        where = f'endpoint_url: "{facts["endpoint_url"]}", region: {facts["region"]}, {keys}'
        yield f"type: s3, bucket: cold, create_bucket: true, embedder: none, {where}"


async def test_a_session_archived_in_a_bucket_is_listed_and_comes_back_whole(tmp_path: Path, bucket: str) -> None:
    text = configured(retention="max_age_days: 30, archive: cold", provider="sqlite, path: m.db, embedder: none")
    text = text.replace("type: folder, path: cold, embedder: none", bucket)
    async with gateway(tmp_path, text) as made:
        await say(
            made, {"role": "system", "content": "be brief"}, "one", {"role": "assistant", "content": "two", "x": 1}
        )
        before = (await made.get("/v1/sessions/s1/context", params={"user_id": "ann"})).json()["messages"]
        made.clock.forward(days=31)
        assert (await swept(made, "chat")).sessions == 1
        assert await said(made) == []
        route = route_of(made, "chat")
        listed = await restore(route, WHOLE, dry=True)
        assert {(each.kind, each.scope.run) for each in listed.missing} == {
            (kind, "s1") for kind in (Kind.SESSION, Kind.SYSTEM, Kind.MESSAGE)
        }
        assert (await restore(route, msgspec.structs.replace(WHOLE, user="ann", run="s1"))).restored == 4
        after = (await made.get("/v1/sessions/s1/context", params={"user_id": "ann"})).json()["messages"]
        assert after == before
        assert (await swept(made, "chat")).going == []


def test_the_verbs_say_what_would_go_sweep_and_bring_back(tmp_path: Path) -> None:
    config = tmp_path / "gateway.yaml"
    config.write_text(NOTES.format(retention="max_age_days: 30, archive: cold"))

    async def prepared() -> None:
        async with gateway(tmp_path, config.read_text()) as made:
            await remember(made, "kept")
            old = made.clock() - timedelta(days=40)
            scope = Scope("demo", "default", "ann")
            await route_of(made).provider.put(
                [Record(id="old-1", kind=Kind.MEMORY, scope=scope, text="old", created_at=old, updated_at=old)]
            )

    asyncio.run(prepared())
    runner = CliRunner()
    dry = runner.invoke(main, ["sweep", str(config), "--dry-run"])
    assert dry.exit_code == 0, dry.output
    assert "age       memory old-1 of ann" in dry.output and "would go: memories 1" in dry.output
    done = runner.invoke(main, ["sweep", str(config), "--tenant", "demo", "--route", "notes"])
    assert "demo/notes  memories 1" in done.output and "archived 1  deleted 1" in done.output
    listed = runner.invoke(main, ["restore", str(config), "--tenant", "demo", "--dry-run"])
    assert "memory old-1 of ann" in listed.output and "would be: archived 1  restored 1" in listed.output
    back = runner.invoke(main, ["restore", str(config), "--tenant", "demo", "--user", "ann"])
    assert back.exit_code == 0 and "restored 1" in back.output
    nobody = runner.invoke(main, ["restore", str(config), "--tenant", "demo", "--user", "eve"])
    assert "archived 0  restored 0" in nobody.output
    assert runner.invoke(main, ["sweep", str(config), "--tenant", "nobody"]).exit_code == 2
