"""Two gateways with one store of jobs: what one of them erases, the other one keeps out as well."""

import asyncio
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Final

import pytest

from gateway.hooks.webhook.outbox import Outbox
from tests.gateways import Gateway, free_port, gateway
from tests.servers.postgres import postgres

CONFIG: Final = """
version: 1
jobs: {url: "${env:FLEET}"}
receipts: {key: "${env:FLEET_KEY}"}
providers:
  main: {type: postgres, url: "${env:FLEET}", table: fleet, vectors: false, embedder: none}
  own: {type: memory, embedder: none}
  here: {type: sqlite, path: here.db, embedder: none}
hooks: {tell: {type: webhook, url: "http://127.0.0.1:${env:NOBODY}/", secret: of-sixteen-letters}}
defaults: {chain: main, retrieval: {strategy: recent}}
tenants: {default: {auth: {mode: open}, routes: {notes: {default: true}, drafts: {chain: own, hooks: [tell]}, local: {chain: here, space: here}}}}
"""


@contextmanager
def places(home: Path, monkeypatch: pytest.MonkeyPatch) -> Generator[tuple[Path, Path]]:
    monkeypatch.setenv("FLEET_KEY", "5a" * 32)
    monkeypatch.setenv("NOBODY", str(free_port()))
    with postgres(home / "postgres") as server:
        monkeypatch.setenv("FLEET", f"postgresql://{server['authority']}")
        for name in ("one", "other"):
            (home / name).mkdir()
        yield home / "one", home / "other"


@asynccontextmanager
async def fleet(home: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncGenerator[tuple[Gateway, Gateway]]:
    with places(home, monkeypatch) as (first, second):
        async with gateway(first, CONFIG) as one, gateway(second, CONFIG) as other:
            yield one, other


async def test_a_repeated_key_and_a_refused_user_are_kept_out_by_every_gateway_of_a_fleet(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with fleet(tmp_path, monkeypatch) as (one, other):
        body, key = {"content": "likes tea", "user_id": "ada"}, {"Idempotency-Key": "k"}
        assert (await other.post("/v1/memories", body, headers=key)).status_code == 201
        reply = (await one.http.delete("/v1/subjects/ada")).json()
        assert (reply["status"], reply["deleted_memories"]) == ("done", 1)
        again = await other.post("/v1/memories", body, headers=key)
        assert (again.status_code, again.json()["code"]) == (409, "subject_erased")
        found = await other.get(f"/v1/subjects/ada/erasures/{reply['id']}")
        assert found.json()["receipt"] == reply["receipt"]
        second = (await other.http.delete("/v1/subjects/ada", params={"refuse_new": True})).json()
        assert (second["receipt"]["number"], second["receipt"]["key"]) == (2, reply["receipt"]["key"])
        refused = await one.post("/v1/memories", body)
        assert (refused.status_code, refused.json()["code"]) == (403, "subject_refused")


async def test_what_each_has_for_itself_goes_with_the_rest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Records in the memory of a process, and letters in a file of its machine: no other one can reach them."""
    async with fleet(tmp_path, monkeypatch) as (one, other):
        for each in (one, other):
            for user in ("ada", "bob"):
                for route in ("drafts", "local"):
                    body = {"content": "likes tea", "user_id": user, "route": route}
                    assert (await each.post("/v1/memories", body)).status_code == 201
        reply = (await one.http.delete("/v1/subjects/ada")).json()
        assert (reply["status"], reply["deleted_memories"], reply["queued"]) == ("done", 2, 1), "of its own"
        for name, each in (("one", one), ("other", other)):
            for route in ("drafts", "local"):
                left = [await each.get(f"/v1/memories?user_id={user}&route={route}") for user in ("ada", "bob")]
                assert [len(found.json()["memories"]) for found in left] == [0, 1], (name, route)
        outbox = Outbox(tmp_path / "other" / "webhooks.db", "tell")
        outbox.open()
        assert len(outbox.waiting(dead=False)) == 1
        outbox.close()


async def test_who_starts_before_it_has_come_to_its_end_erases_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with places(tmp_path, monkeypatch) as (first, second):
        async with gateway(second, CONFIG) as other:
            for user in ("ada", "bob"):
                body = {"content": "likes tea", "user_id": user, "route": "local"}
                assert (await other.post("/v1/memories", body)).status_code == 201
        async with gateway(first, CONFIG) as one:
            assert (await one.http.delete("/v1/subjects/ada")).json()["status"] == "done"
        async with gateway(second, CONFIG) as other:
            end = asyncio.get_running_loop().time() + 20
            while (await other.get("/v1/memories?user_id=ada&route=local")).json()["memories"]:
                assert asyncio.get_running_loop().time() < end
                await asyncio.sleep(0.1)
            assert len((await other.get("/v1/memories?user_id=bob&route=local")).json()["memories"]) == 1
