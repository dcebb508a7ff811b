"""Erasure is complete and can be proven: nothing recoverable in any store, nothing back after whatever comes late, a receipt
that is checked offline, and pending as long as one target is away.

A SQLite primary, a real Redis as its mirror, a cache and an archive, all in one gateway.
"""

import asyncio
import base64
import os
import sqlite3
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final, cast

import msgspec
import pytest
from click.testing import CliRunner

from gateway.cli import main
from gateway.domain.outbox import Intent, Outbox
from gateway.domain.ports import Order, Provider, Replaces, Scan, Where
from gateway.domain.record import Kind, Record
from gateway.domain.scope import Reach
from gateway.jobs.erasure.erasing import Erasing
from gateway.receipts.receipt import hash_of
from tests.gateways import Gateway, gateway
from tests.servers.redis import Server, started, valkey_binary

MEMORIES: Final = int(os.environ.get("MEMORY_GATEWAY_ERASED") or 30)
CANARY: Final = "zq-canary"
CONFIG: Final = """
version: 1
providers:
  main: {{type: sqlite, path: data/main.db, embedder: local}}
  copy: {{type: redis, url: "{redis}", prefix: "e:", guard: {{open_for: 100ms, max_open_for: 300ms}}}}
  near: {{type: sqlite, path: data/near.db, embedder: none}}
  old: {{type: folder, path: data/old, embedder: none}}
chains:
  both: [{{provider: main}}, {{provider: copy, role: mirror}}, {{provider: near, role: cache, ttl: 1h, search_ttl: 1h}}]
tenants:
  default:
    auth: {{mode: open}}
    routes:
      notes: {{default: true, chain: both, kinds: [memory, message, checkpoint], retention: {{archive: old}}}}
      team: {{chain: main, space: team, scope: agent}}
"""
ALONE: Final = """
version: 1
providers:
  main: {type: sqlite, path: data/main.db, embedder: local, guard: {timeout: 10s}}
tenants:
  default:
    auth: {mode: open}
    routes:
      notes: {default: true, chain: main, kinds: [memory, message, checkpoint]}
"""
WHOLE: Final = Reach("default", None, None, None, None)


@asynccontextmanager
async def serving(home: Path, redis: Server | None = None, **rules: Any) -> AsyncGenerator[Gateway]:
    async with gateway(home, ALONE if redis is None else CONFIG.format(redis=redis.url)) as made:
        course = erasing_of(made)._course  # pyright: ignore[reportPrivateUsage]
        quick = {"held": 0.4, "first_wait": 0.1, **rules}
        course.rules = msgspec.structs.replace(course.rules, **quick)
        yield made


def erasing_of(made: Gateway) -> Erasing:
    return cast("Erasing", made.helm.running.means.erasures)


def provider(made: Gateway, key: str) -> Provider:
    """Past chains and fences."""
    return next(cast("Provider", each) for name, each in made.helm.running.means.instances.live() if name == key)


async def held(made: Gateway, key: str, user: str = "ada") -> list[Record]:
    """All that a backend has of somebody, or that names them."""
    where, after, found = Where(frozenset(Kind)), None, list[Record]()
    while True:
        scan = Scan(where=where, limit=1000, order=Order.OLDEST, after=after)
        page = await provider(made, key).scan(WHOLE, scan)
        found += [each for each in page.records if user in (each.scope.user, each.provenance.user)]
        if page.next is None:
            return found
        after = page.next


async def until(seen: Callable[[], Awaitable[bool]], seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while not await seen():
        assert time.monotonic() < end
        await asyncio.sleep(0.05)


async def remember(made: Gateway, user: str, number: int) -> list[dict[str, str]]:
    """Memories, each under a key of its own, a session and a checkpoint; the headers that each was sent with."""
    sent: list[dict[str, str]] = []
    for each in range(number):
        headers = {"Idempotency-Key": f"{user}-{each}"}
        body = {"content": f"{CANARY}-{user}-{each} likes tea", "user_id": user}
        assert (await made.post("/v1/memories", body, headers=headers)).status_code == 201
        sent.append(headers)
    message = {"role": "user", "content": f"{CANARY}-{user}-said"}
    for session in ("s1", "s2"):
        reply = await made.post(f"/v1/sessions/{session}/messages", {"message": message, "user_id": user})
        assert reply.status_code == 201
    state = {"state": {"note": f"{CANARY}-{user}-state"}, "user_id": user}
    assert (await made.http.put("/v1/runs/r1/checkpoints/c1", json=state)).status_code < 300
    return sent


async def ended(made: Gateway, id_: str, receipts: set[bytes] | None = None) -> dict[str, Any]:
    """What it came to; `receipts` get those of the time until then."""
    found: dict[str, Any] = {}

    async def done() -> bool:
        nonlocal found
        found = (await made.get(f"/v1/subjects/ada/erasures/{id_}")).json()
        if receipts is not None and found["status"] == "pending":
            receipts.add(bytes((await made.get(f"/v1/subjects/ada/erasures/{id_}?format=receipt")).content))
        return found["status"] == "done"

    await until(done)
    return found


def verified(home: Path, raw: bytes, public: str) -> bool:
    (home / "receipt.json").write_bytes(raw)
    (home / "public.pem").write_text(public)
    ran = CliRunner().invoke(main, ["receipt", "verify", str(home / "receipt.json"), "--key", str(home / "public.pem")])
    return ran.exit_code == 0


def grepped(home: Path, word: str) -> list[str]:
    """The files below with this text in their raw bytes."""
    while True:
        files = [each for each in home.rglob("*") if each.is_file()]
        try:
            return sorted(str(each.relative_to(home)) for each in files if word.encode() in each.read_bytes())
        except FileNotFoundError:
            continue  # a server has just written a file anew, under another name: all are looked through once more


async def test_what_was_written_mirrored_queued_cached_and_archived_is_gone_and_does_not_come_back(
    tmp_path: Path, figure: Callable[[str], None]
) -> None:
    with started(valkey_binary(), tmp_path / "redis") as redis:
        async with serving(tmp_path, redis) as made:
            keys = await remember(made, "ada", MEMORIES)
            await remember(made, "bob", 3)
            noted = {"content": f"{CANARY}-ada-noted", "user_id": "ada", "agent_id": "a", "route": "team"}
            assert (await made.post("/v1/memories", noted)).status_code == 201
            await until(lambda: _mirrored(made, MEMORIES))
            before = await held(made, "main")
            await provider(made, "old").put([each for each in before if each.kind is Kind.MEMORY][:5])
            await made.post("/v1/memories/search", {"query": "tea", "user_id": "ada"})
            assert len(await held(made, "near")) > 0
            redis.kill()
            for each in range(5):
                late = {"content": f"{CANARY}-ada-late-{each}", "user_id": "ada"}
                assert (await made.post("/v1/memories", late)).status_code == 201

            reply = (await made.http.delete("/v1/subjects/ada")).json()

            assert reply["status"] == "pending"
            methods = {each["provider"]: each["method"] for each in reply["targets"]}
            assert methods == {"main": "deleted", "near": "deleted", "old": "deleted", "copy": "pending"}
            assert reply["deleted_memories"] == MEMORIES + 5 + 1
            assert (reply["deleted_sessions"], reply["deleted_checkpoints"]) == (2, 1)
            assert reply["queued"] >= 5
            public = (await erasing_of(made).signer()).public()
            first = bytes((await made.get(f"/v1/subjects/ada/erasures/{reply['id']}?format=receipt")).content)
            assert verified(tmp_path, first, public) and msgspec.json.decode(first)["status"] == "pending"
            assert await held(made, "main") == await held(made, "near") == await held(made, "old") == []

            new = await made.post("/v1/memories", {"content": "a new life", "user_id": "ada"})
            assert new.status_code == 201

            redis.start()
            receipts = {first}  # what is found out meanwhile is said in one more
            done = await ended(made, reply["id"], receipts)
            assert {each["method"] for each in done["targets"]} == {"deleted"}
            assert all(each["after"] == {} and each["verified_at"] for each in done["targets"])
            second = bytes((await made.get(f"/v1/subjects/ada/erasures/{reply['id']}?format=receipt")).content)
            assert verified(tmp_path, second, public)
            assert msgspec.json.decode(second)["previous"] in map(hash_of, receipts)

            replayed = [
                (
                    await made.post(
                        "/v1/memories", {"content": f"{CANARY}-ada-{n} likes tea", "user_id": "ada"}, headers=key
                    )
                )
                for n, key in enumerate(keys)
            ]
            assert {each.status_code for each in replayed} == {409}
            assert {each.json()["code"] for each in replayed} == {"subject_erased"}
            resurrected = await _late_deliveries(made, before)
            await until(lambda: _new_life_alone(made), 60)
            for key in ("main", "copy", "near", "old"):
                assert [each.text for each in await held(made, key) if CANARY in each.text] == []
            assert len([each for each in await held(made, "main", "bob") if each.kind is Kind.MEMORY]) == 3
            await until(lambda: _unnamed(tmp_path))
        redis.say("BGREWRITEAOF")
        await until(lambda: _true(not grepped(tmp_path / "redis", f"{CANARY}-ada")))
        found = [each for each in grepped(tmp_path, f"{CANARY}-ada") if not each.endswith(("receipt.json", ".yaml"))]
        assert found == []
        assert grepped(tmp_path, f"{CANARY}-bob") != []
        figure(
            f"erased {reply['deleted']} records of one user in 4 backends, one of them away: 0 recoverable in raw bytes, "
            f"{resurrected} resurrected by {len(before)} late deliveries and {len(keys)} old keys"
        )


async def _mirrored(made: Gateway, number: int) -> bool:
    return len([each for each in await held(made, "copy") if each.kind is Kind.MEMORY]) >= number


async def _new_life_alone(made: Gateway) -> bool:
    """At the mirror, too, there is what was written afterwards, and nothing else."""
    return [each.text for each in await held(made, "copy")] == ["a new life"]


async def _unnamed(home: Path) -> bool:
    with sqlite3.connect(home / "data/jobs.db") as db:
        return db.execute("SELECT count(*) FROM gateway_erasures WHERE person <> ''").fetchone()[0] == 0


async def _true(value: object) -> bool:
    return bool(value)


async def _late_deliveries(made: Gateway, before: list[Record]) -> int:
    """A backup of the primary comes back, and with it deliveries that were owed then. How many reach the mirror."""
    memories = [each for each in before if each.kind is Kind.MEMORY and each.scope.user == "ada"]
    ids = [each.id for each in memories]
    await provider(made, "main").put(memories)
    try:
        outbox = cast("Outbox", made.helm.running.means.outbox)
        reach = Reach("default", "default", "ada", "", "")
        owed = [Intent(source="main", target="copy", reach=reach, ids=tuple(ids))]
        await outbox.intend(owed)
        outbox.settled(owed)

        async def idle() -> bool:
            background = made.helm.background
            assert background is not None
            jobs = await background.listed(dead=False)
            return not [each for each in jobs if each.state in ("waiting", "running")]

        await asyncio.sleep(0.5)
        await until(idle)
        return len([each for each in await provider(made, "copy").get(reach, ids) if each is not None])
    finally:
        await provider(made, "main").delete(WHOLE, ids)


@pytest.mark.parametrize("barring", [True, False], ids=["fenced", "unfenced"])
async def test_a_late_delivery_of_what_was_erased_reaches_nobody_unless_the_fence_is_off(
    tmp_path: Path, *, barring: bool
) -> None:
    with started(valkey_binary(), tmp_path / "redis") as redis:
        async with serving(tmp_path, redis, held=60.0) as made:  # the last look would find it
            await remember(made, "ada", 3)
            before = await held(made, "main")
            assert (await made.http.delete("/v1/subjects/ada")).json()["status"] == "done"
            made.helm.running.means.fences.barring = barring
            assert await _late_deliveries(made, before) == (0 if barring else 3)


class Slow:
    """A backend whose next write waits until it is let go."""

    def __init__(self, inner: Provider) -> None:
        self._inner = inner
        self.waiting = asyncio.Event()
        self.go = asyncio.Event()

    async def put(self, records: list[Record]) -> Any:
        await self._wait(records)
        return await self._inner.put(records)

    async def replace(self, records: list[Record], beside: list[Record]) -> Any:
        await self._wait(records)
        return await cast("Replaces", self._inner).replace(records, beside)

    async def _wait(self, records: list[Record]) -> None:
        if any(CANARY in each.text for each in records):
            self.waiting.set()
            await self.go.wait()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


@pytest.mark.parametrize("barring", [True, False], ids=["fenced", "unfenced"])
@pytest.mark.parametrize("change", ["add", "update"])
async def test_a_write_that_was_under_way_when_its_user_was_erased_is_taken_back(
    tmp_path: Path, change: str, *, barring: bool
) -> None:
    async with serving(tmp_path, held=60.0) as made:
        old = (await made.post("/v1/memories", {"content": "tea", "user_id": "ada"})).json()
        guard = made.helm.running.means.instances.guards_of("main")[0]
        slow = Slow(guard.inner)
        guard.stand_in = cast("Provider", slow)
        made.helm.running.means.fences.barring = barring
        body = {"content": f"{CANARY} coffee", "user_id": "ada"}
        late = asyncio.create_task(
            made.post("/v1/memories", body)
            if change == "add"
            else made.http.patch(f"/v1/memories/{old['id']}", json=body)
        )
        await slow.waiting.wait()
        assert (await made.http.delete("/v1/subjects/ada")).json()["status"] == "done"
        slow.go.set()
        reply = await late
        left = [each.text for each in await held(made, "main") if each.kind is Kind.MEMORY]
        if barring:
            assert (reply.status_code, reply.json()["code"]) == (409, "subject_erased")
            assert left == []
        else:
            # What is not there any more is not changed either way.
            assert left == ([f"{CANARY} coffee"] if change == "add" else [])


class Lying:
    """A backend that says that it has deleted, and has not."""

    def __init__(self, inner: Provider) -> None:
        self._inner = inner

    async def delete(self, _reach: Reach, ids: list[str]) -> int:
        return len(ids)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


@pytest.mark.parametrize("verified", [True, False], ids=["verified", "believed"])
async def test_a_backend_that_lies_about_deleting_is_pending_until_it_has_unless_it_is_believed(
    tmp_path: Path, *, verified: bool
) -> None:
    async with serving(tmp_path, verified=verified, held=60.0) as made:
        await remember(made, "ada", 2)
        guard = made.helm.running.means.instances.guards_of("main")[0]
        guard.stand_in = cast("Provider", Lying(guard.inner))
        reply = (await made.http.delete("/v1/subjects/ada")).json()
        main_one = next(each for each in reply["targets"] if each["provider"] == "main")
        if not verified:
            assert (reply["status"], main_one["method"]) == ("done", "deleted")
            guard.stand_in = None
            assert len(await held(made, "main")) > 0  # what nobody has looked for
            return
        assert (reply["status"], main_one["method"]) == ("pending", "pending")
        assert main_one["reason"] == "still there after it was deleted"
        assert main_one["after"]["memory"] == 2
        guard.stand_in = None
        assert (await ended(made, reply["id"]))["status"] == "done"
        assert await held(made, "main") == []


SEALED: Final = """
version: 1
keyrings: {main: {root: {type: env, name: ERASED_ROOT}}}
providers: {main: {type: sqlite, path: data/main.db}}
tenants:
  default:
    auth: {mode: open}
    encryption: {keys: main, fields: [content], vectors: sealed}
    routes: {notes: {default: true, chain: main}}
"""


async def test_a_copy_of_a_backend_that_comes_back_cannot_be_read_once_the_keys_are_shredded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ERASED_ROOT", base64.b64encode(bytes(range(32))).decode())
    store = tmp_path / "data/main.db"
    async with gateway(tmp_path, SEALED) as made:
        for user in ("ada", "bob"):
            body = {"content": f"{CANARY} of {user}", "user_id": user}
            assert (await made.post("/v1/memories", body)).status_code == 201
    backup = store.read_bytes()
    async with gateway(tmp_path, SEALED) as made:
        reply = (await made.http.delete("/v1/subjects/ada")).json()
        assert (reply["status"], reply["deleted_memories"], len(reply["keys"])) == ("done", 1, 1)
        assert {each["method"] for each in reply["targets"]} == {"deleted"}
        assert msgspec.json.decode(msgspec.json.encode(reply["receipt"]))["keys"] == reply["keys"]
    store.write_bytes(backup)
    async with gateway(tmp_path, SEALED) as made:
        assert len(await held(made, "main")) == 1
        assert (await made.get("/v1/memories", params={"user_id": "ada"})).status_code != 200
        assert CANARY in (await made.get("/v1/memories", params={"user_id": "bob"})).text
        assert (await made.post("/v1/memories", {"content": "new", "user_id": "bob"})).status_code == 201
    assert grepped(tmp_path, CANARY) == []
