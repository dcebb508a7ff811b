"""Whatever is kept of a person, of every kind and in every place, is handed out and goes: none is forgotten by its kind."""

from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from gateway.domain.ports import Kit, Order, Provider, Scan, Where
from gateway.domain.record import Kind
from gateway.domain.scope import Reach, Scope
from gateway.providers.folder import Folder
from gateway.providers.sqlite import Sqlite
from gateway.testing.making import Maker, Time
from tests.gateways import gateway

CONFIG: Final = """
version: 1
keyrings: {main: {root: {type: file, path: root.key}, store: keys}}
providers:
  main: {type: sqlite, path: main.db}
  copy: {type: sqlite, path: copy.db}
  spare: {type: sqlite, path: spare.db}
  talk: {type: sqlite, path: talk.db}
  cold: {type: folder, path: cold, embedder: none}
  keys: {type: sqlite, path: keys.db}
  unused: {type: folder, path: unused, embedder: none}
chains:
  safe:
    - {provider: main, role: primary}
    - {provider: copy, role: mirror}
    - {provider: spare, role: failover}
tenants:
  acme:
    auth: {mode: open}
    routes:
      notes: {default: true, kinds: [memory, checkpoint], chain: safe, retention: {max_age_days: 30, archive: cold}}
      chat: {default: true, kinds: [message], chain: talk, space: talk, retention: {max_age_days: 30, archive: cold}}
"""
PLACES: Final = ("main", "copy", "spare", "talk", "keys", "cold", "unused")


async def opened(home: Path, stack: AsyncExitStack) -> dict[str, Provider]:
    found: dict[str, Provider] = {}
    for name in PLACES:
        kit = Kit(name=name, clock=lambda: datetime.now(UTC), home=home)
        folder = name in ("cold", "unused")
        made: Any = Folder(Folder.Options(path=name), kit) if folder else Sqlite(Sqlite.Options(path=f"{name}.db"), kit)
        await made.open(stack)
        found[name] = made
    return found


async def fill(home: Path) -> int:
    """One record of each kind in each place, in several scopes of the user and one of another."""
    make, count = Maker(Time()), 0
    async with AsyncExitStack() as stack:
        for provider in (await opened(home, stack)).values():
            scopes = [
                Scope("acme", *owner)
                for owner in (
                    ("default", "ada"), ("talk", "ada", "", "s1"), ("elsewhere", "ada", "bot", "r1"), ("default", "bob")
                )
            ]  # fmt: skip
            records = [make.record(f"{kind}", scope, kind=kind) for kind in Kind for scope in scopes]
            assert all(await provider.put(records))
            count += sum(each.scope.user == "ada" for each in records)
    return count


async def left(home: Path, user: str) -> list[tuple[str, Kind]]:
    async with AsyncExitStack() as stack:
        found: list[tuple[str, Kind]] = []
        for name, provider in (await opened(home, stack)).items():
            scan = Scan(where=Where(frozenset(Kind)), limit=1000, order=Order.OLDEST)
            page = await provider.scan(Reach("acme", None, user, None, None), scan)
            found += [(name, each.kind) for each in page.records]
    return found


async def test_an_erasure_leaves_no_record_of_any_kind_in_any_place(tmp_path: Path) -> None:
    (tmp_path / "root.key").write_bytes(bytes(range(32)))
    count = await fill(tmp_path)
    assert len(await left(tmp_path, "ada")) == count == 3 * len(Kind) * len(PLACES)
    async with gateway(tmp_path, CONFIG) as made:
        reply = (await made.http.delete("/v1/subjects/ada")).json()
    assert reply["status"] == "done"
    assert await left(tmp_path, "ada") == []
    assert {kind: sum(each["before"].get(kind, 0) for each in reply["targets"]) for kind in Kind} == {
        kind: 3 * len(PLACES) for kind in Kind
    }
    assert len(await left(tmp_path, "bob")) == len(Kind) * len(PLACES)


async def test_what_hooks_kept_aside_goes_with_messages_as_with_memories_and_not_with_checkpoints(
    tmp_path: Path,
) -> None:
    (tmp_path / "root.key").write_bytes(bytes(range(32)))
    await fill(tmp_path)
    async with gateway(tmp_path, CONFIG) as made:
        await made.http.delete("/v1/subjects/ada", params={"kinds": "checkpoint"})
        assert Kind.QUARANTINE in {kind for _, kind in await left(tmp_path, "ada")}
        await made.http.delete("/v1/subjects/ada", params={"kinds": "message"})
        after = {kind for _, kind in await left(tmp_path, "ada")}
        assert after == {Kind.MEMORY, Kind.HISTORY, Kind.KEY}


async def test_an_export_hands_out_every_kind_of_every_route_and_no_key(tmp_path: Path) -> None:
    (tmp_path / "root.key").write_bytes(bytes(range(32)))
    await fill(tmp_path)
    async with gateway(tmp_path, CONFIG) as made:
        records = (await made.get("/v1/subjects/ada/export", params={"limit": 1000})).json()["records"]
    told = {(each["route"], each["kind"]) for each in records}
    assert told == {("notes", kind) for kind in ("memory", "history", "quarantine", "checkpoint", "write", "run")} | {
        ("chat", kind) for kind in ("message", "session", "system", "summary", "quarantine")
    }
