"""Erasing a person over HTTP: who may, what goes, what stays, and what is told."""

import asyncio
import json
import sqlite3
from collections.abc import AsyncGenerator, Callable
from pathlib import Path
from typing import Any, Final

import httpx
import msgspec
import pytest
from click.testing import CliRunner

from gateway.auth.keys import new_key
from gateway.cli import main
from tests.gateways import Gateway, gateway
from tests.servers.mem0_platform import mem0_platform

ERASER, WRITER, AUDITOR, ADA, MEMORIES, OTHER = (new_key(lambda size, n=n: bytes([n] * size)) for n in range(6))
CONFIG: Final = f"""
version: 1
providers:
  main: {{type: sqlite, path: data/main.db}}
  more: {{type: memory}}
  unused: {{type: sqlite, path: data/unused.db}}
tenants:
  acme:
    auth:
      api_keys:
        - {{hash: "{ERASER.hash}", roles: [reader, writer, eraser]}}
        - {{hash: "{WRITER.hash}", roles: [reader, writer]}}
        - {{hash: "{AUDITOR.hash}", roles: [auditor]}}
        - {{hash: "{ADA.hash}", roles: [reader, writer, eraser], user: ada}}
        - {{hash: "{MEMORIES.hash}", roles: [reader, writer, eraser], kinds: [memory]}}
    routes:
      notes: {{default: true, kinds: [memory, checkpoint], chain: main, history: full}}
      chat: {{default: true, kinds: [message], chain: more, space: talk}}
      team: {{scope: agent, chain: more, space: team}}
  globex:
    auth: {{api_keys: [{{hash: "{OTHER.hash}", roles: [reader, writer, eraser]}}]}}
    routes: {{everything: {{default: true, kinds: [memory, message, checkpoint], chain: main}}}}
"""


@pytest.fixture
async def made(tmp_path: Path) -> AsyncGenerator[Gateway]:
    async with gateway(tmp_path, CONFIG) as made:
        made.http.headers["Authorization"] = f"Bearer {ERASER.text}"
        yield made


def as_(key: Any) -> dict[str, str]:
    return {"Authorization": f"Bearer {key.text}"}


async def lived(made: Gateway, user: str = "ada", key: Any = ERASER) -> None:
    """Two memories, one of them changed; two sessions; two checkpoints; and one memory of a team that names the user."""
    for text in ("likes tea", "lives in Bern"):
        reply = await made.post("/v1/memories", {"content": text, "user_id": user}, headers=as_(key))
        assert reply.status_code == 201
    change = {"content": "likes coffee", "user_id": user}
    await made.http.patch(f"/v1/memories/{reply.json()['id']}", json=change, headers=as_(key))
    for session in ("s1", "s2"):
        body = {"message": {"role": "user", "content": "hello"}, "user_id": user}
        await made.post(f"/v1/sessions/{session}/messages", body, headers=as_(key))
        await made.http.put(
            f"/v1/sessions/{session}/system", json={"content": "be kind", "user_id": user}, headers=as_(key)
        )
    for id_ in ("c1", "c2"):
        body = {"state": {"n": 1}, "user_id": user}
        await made.http.put(f"/v1/runs/r1/checkpoints/{id_}", json=body, headers=as_(key))
    if key is ERASER:
        body = {"content": f"{user} leads the team", "user_id": user, "agent_id": "scribe", "route": "team"}
        assert (await made.post("/v1/memories", body, headers=as_(key))).status_code == 201


async def exported(made: Gateway, user: str = "ada", key: Any = ERASER, **query: Any) -> list[dict[str, Any]]:
    """All pages."""
    records: list[dict[str, Any]] = []
    cursor: str | None = None
    while True:
        asked = {**query, **({"cursor": cursor} if cursor else {})}
        page = (await made.get(f"/v1/subjects/{user}/export", params=asked, headers=as_(key))).json()
        records += page["records"]
        cursor = page["cursor"]
        if cursor is None:
            return records


async def test_one_call_removes_memories_sessions_and_checkpoints_of_all_routes_and_counts_them(made: Gateway) -> None:
    await lived(made)
    await lived(made, "bob")
    await lived(made, "ada", OTHER)
    reply = (await made.http.delete("/v1/subjects/ada")).json()
    assert reply["status"] == "done"
    assert reply["deleted_memories"] == 3  # the team's among them
    assert reply["deleted_sessions"] == 2
    assert reply["deleted_checkpoints"] == 2
    assert reply["deleted"] == sum(reply["kinds"].values())
    stores = {each["provider"]: each for each in reply["targets"]}
    assert stores["main"]["before"]["memory"] == 2 and stores["main"]["before"]["history"] == 1
    assert stores["more"]["before"] == {"memory": 1, "message": 2, "session": 2, "system": 2}
    assert stores["unused"] == {**stores["unused"], "before": {}, "method": "deleted"}
    assert await exported(made) == []
    for path in ("/v1/memories?user_id=ada", "/v1/memories?agent_id=scribe&route=team", "/v1/sessions?user_id=ada"):
        assert CONTENTS(await made.get(path)) == []
    assert len(await exported(made, "bob")) == 12
    assert len(await exported(made, "ada", OTHER)) == 11  # another tenant's user of that name


def CONTENTS(reply: httpx.Response) -> list[Any]:  # noqa: N802 - reads as a word of the assertion
    body = reply.json()
    found = body.get("memories", body.get("sessions"))
    return [each for each in found if "bob" not in json.dumps(each)]


@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", "/users/ada/forget"), ("DELETE", "/users/ada/forget"), ("DELETE", "/users/ada/data")],
)
async def test_the_other_names_erase_as_well_and_say_how_many(made: Gateway, method: str, path: str) -> None:
    await lived(made)
    reply = await made.http.request(method, path)
    assert (reply.status_code, reply.json()["deleted"]) == (200, 12)
    assert (await made.get("/users/ada/data")).json() == {"records": [], "cursor": None}


async def test_only_one_family_goes_where_only_that_is_asked_for(made: Gateway) -> None:
    await lived(made)
    reply = (await made.http.delete("/v1/subjects/ada", params={"kinds": "checkpoint"})).json()
    assert reply["kinds"] == {"checkpoint": 2}
    reply = (await made.http.delete("/v1/subjects/ada", params={"kinds": ["message"]})).json()
    assert (reply["deleted_sessions"], reply["kinds"]) == (2, {"message": 2, "session": 2, "system": 2})
    assert {each["kind"] for each in await exported(made)} == {"memory", "history"}


async def test_only_erasers_erase_and_a_bound_key_only_its_own_user(made: Gateway) -> None:
    await lived(made)
    id_ = (await made.http.delete("/v1/subjects/bob")).json()["id"]
    refused = {
        "role_missing": [
            await made.http.delete("/v1/subjects/ada", headers=as_(WRITER)),
            await made.http.delete("/v1/subjects/ada", headers=as_(AUDITOR)),
            await made.get("/v1/subjects/ada/export", headers=as_(AUDITOR)),
            await made.get(f"/v1/subjects/bob/erasures/{id_}", headers=as_(WRITER)),
        ],
        "user_bound": [
            await made.http.delete("/v1/subjects/bob", headers=as_(ADA)),
            await made.get("/v1/subjects/bob/export", headers=as_(ADA)),
        ],
        "kind_not_allowed": [
            await made.http.delete("/v1/subjects/ada", headers=as_(MEMORIES)),
            await made.get("/v1/subjects/ada/export", headers=as_(MEMORIES)),
        ],
    }
    for code, replies in refused.items():
        assert {(each.status_code, each.json()["code"]) for each in replies} == {(403, code)}
    assert len(await exported(made)) == 12
    assert (await made.get(f"/v1/subjects/bob/erasures/{id_}", headers=as_(AUDITOR))).status_code == 200
    for path in (f"/v1/subjects/ada/erasures/{id_}", "/v1/subjects/bob/erasures/nothing"):
        assert (await made.get(path)).json()["code"] == "no_erasure"
    assert (await made.get(f"/v1/subjects/bob/erasures/{id_}", headers=as_(OTHER))).json()["code"] == "no_erasure"
    assert (await made.http.delete("/v1/subjects/ada", headers=as_(ADA))).json()["deleted"] == 12


async def test_nothing_is_taken_any_more_of_whom_it_is_refused_and_of_others_it_is(made: Gateway) -> None:
    assert (await made.http.delete("/v1/subjects/ada", params={"refuse_new": True})).json()["refuse_new"]
    reply = await made.post("/v1/memories", {"content": "again", "user_id": "ada"})
    assert (reply.status_code, reply.json()["code"]) == (403, "subject_refused")
    for user, key in (("bob", ERASER), ("ada", OTHER)):
        assert (await made.post("/v1/memories", {"content": "x", "user_id": user}, headers=as_(key))).status_code == 201


async def test_what_is_refused_stays_refused_after_a_restart(tmp_path: Path) -> None:
    async with gateway(tmp_path, CONFIG) as made:
        await made.http.delete("/v1/subjects/ada", params={"refuse_new": True}, headers=as_(ERASER))
    async with gateway(tmp_path, CONFIG) as made:
        reply = await made.post("/v1/memories", {"content": "again", "user_id": "ada"}, headers=as_(ERASER))
        assert reply.json()["code"] == "subject_refused"


async def test_an_erasure_that_was_cut_short_is_finished_by_the_next_process(tmp_path: Path) -> None:
    async with gateway(tmp_path, CONFIG) as made:
        await lived(made)
        id_ = (await made.http.delete("/v1/subjects/ada", headers=as_(ERASER))).json()["id"]
        await lived(made)
    with sqlite3.connect(tmp_path / "data/jobs.db") as db:  # as a process that was killed at once leaves it
        db.execute("UPDATE gateway_erasures SET stage = 'closed', due = 0, held = 0")
        db.execute("UPDATE gateway_fences SET closed = 1")
    async with gateway(tmp_path, CONFIG) as made:
        for _ in range(200):
            body = {"content": "new", "user_id": "ada"}
            if (await made.post("/v1/memories", body, headers=as_(ERASER))).status_code == 201:
                break
            await asyncio.sleep(0.05)
        found = (await made.get(f"/v1/subjects/ada/erasures/{id_}", headers=as_(ERASER))).json()
        assert found["status"] == "done"
        assert msgspec.json.decode(json.dumps(found["receipt"]))["number"] == 2
        assert [each["content"] for each in await exported(made)] == ["new"]


async def test_an_export_is_all_that_there_is_across_routes_with_contents_and_times_page_by_page(made: Gateway) -> None:
    await lived(made)
    whole = await exported(made)
    assert [each["kind"] for each in whole if each["space"] == "team"] == ["memory"]
    kinds = [each["kind"] for each in whole]
    assert {kind: kinds.count(kind) for kind in kinds} == {
        "memory": 3, "history": 1, "message": 2, "session": 2, "system": 2, "checkpoint": 2,
    }  # fmt: skip
    assert await exported(made, limit=1) == whole
    assert {"role": "user", "content": "hello"} in [each["content"] for each in whole]
    assert all(each["created_at"] and each["updated_at"] for each in whole)
    lines = (await made.get("/v1/subjects/ada/export", params={"format": "jsonl", "limit": 5})).text.splitlines()
    assert len(lines) == 6 and json.loads(lines[-1]).keys() == {"cursor"}
    foreign = json.loads(lines[-1])["cursor"]
    assert (await made.get("/v1/subjects/bob/export", params={"cursor": foreign})).json()["code"] == "bad_cursor"


async def test_a_receipt_with_any_byte_changed_or_another_key_is_refused(
    made: Gateway, tmp_path: Path, figure: Callable[[str], None]
) -> None:
    from gateway.domain.errors import Tampered
    from gateway.receipts.signing import checked, read_private, read_public

    await lived(made)
    id_ = (await made.http.delete("/v1/subjects/ada")).json()["id"]
    raw = (await made.get(f"/v1/subjects/ada/erasures/{id_}", params={"format": "receipt"})).content
    key = tmp_path / "data/receipts.key"
    assert key.stat().st_mode & 0o777 == 0o600
    public = read_public(read_private(key.read_text()).public())
    assert b'"ada"' not in raw and checked(raw, public).deleted["memory"] == 3
    tried = 0
    for place, byte in enumerate(raw):
        for other in {byte ^ 1, byte ^ 32} - {byte}:
            changed = raw[:place] + bytes([other]) + raw[place + 1 :]
            tried += 1
            with pytest.raises(Tampered):
                checked(changed, public)
    with pytest.raises(Tampered):
        checked(raw, read_public(read_private("11" * 32).public()))
    (tmp_path / "receipt.json").write_bytes(raw.replace(b'"memory":3', b'"memory":0'))
    pem = tmp_path / "public.pem"
    pem.write_text(CliRunner().invoke(main, ["receipt", "key", str(tmp_path / "gateway.yaml")]).stdout)
    ran = CliRunner().invoke(main, ["receipt", "verify", str(tmp_path / "receipt.json"), "--key", str(pem)])
    assert (ran.exit_code, ran.stdout) == (1, "")
    (tmp_path / "receipt.json").write_bytes(raw)
    ran = CliRunner().invoke(main, ["receipt", "verify", str(tmp_path / "receipt.json"), "--key", str(pem)])
    assert ran.exit_code == 0 and ran.stdout.startswith("valid: done")
    assert CliRunner().invoke(main, ["receipt", "show", str(tmp_path / "receipt.json")]).exit_code == 0
    figure(f"a receipt of {len(raw)} bytes: {tried} changes of one byte, all of them refused")


async def test_a_vendor_attests_and_is_never_called_verified(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = """
version: 1
providers: {{theirs: {{type: mem0, api_key: "${{env:TEST_MEM0_KEY}}", host: "{host}"}}}}
tenants: {{default: {{auth: {{mode: open}}, routes: {{notes: {{default: true, chain: theirs}}}}}}}}
"""
    with mem0_platform(tmp_path) as platform:
        monkeypatch.setenv("TEST_MEM0_KEY", platform["api_key"] + "erased")
        async with gateway(tmp_path, text.format(host=platform["url"])) as made:
            await made.post("/v1/memories", {"content": "likes tea", "user_id": "ada"})
            reply = (await made.http.delete("/v1/subjects/ada")).json()
            target = reply["targets"][0]
            assert (reply["status"], target["method"], target["verified_at"]) == ("done", "vendor-attested", None)
            assert target["before"] == {"memory": 1}
            assert (await made.get("/v1/memories", params={"user_id": "ada"})).json()["memories"] == []


async def test_what_some_target_has_not_confirmed_is_counted(tmp_path: Path) -> None:
    """Until it has: then there is nothing to watch any more."""
    text = CONFIG.replace("unused: {{type: sqlite, path: data/unused.db}}", "")
    text = text.replace(
        "unused: {type: sqlite, path: data/unused.db}", "away: {type: folder, path: away, embedder: none}"
    )
    (tmp_path / "away").write_text("no folder")

    async def pending(made: Gateway) -> str:
        lines = (await made.get("/metrics")).text.splitlines()
        return next(each.split()[1] for each in lines if each.startswith("gateway_erasures_pending "))

    async with gateway(tmp_path, text) as made:
        assert await pending(made) == "0.0"
        asked = {"wait_seconds": 5}
        reply = (await made.http.delete("/v1/subjects/ada", params=asked, headers=as_(ERASER))).json()
        assert reply["status"] == "pending" and await pending(made) == "1.0"
        (tmp_path / "away").unlink()
        async with asyncio.timeout(15):
            while await pending(made) != "0.0":  # noqa: ASYNC110 - a metric signals nothing
                await asyncio.sleep(0.1)


async def test_where_it_cannot_be_kept_nothing_is_done(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data/jobs.db").mkdir()  # no file can be made there
    async with gateway(tmp_path, CONFIG) as made:
        await lived(made)
        reply = await made.http.delete("/v1/subjects/ada", headers=as_(ERASER))
        assert (reply.status_code, reply.json()["code"]) == (503, "erasures_unavailable")
        assert len(await exported(made)) == 12


async def test_hooks_of_every_route_are_told_of_an_erasure_and_an_export(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRAIL_KEY", "5a" * 32)
    text = """
version: 1
hooks:
  trail: {type: audit, sink: data/audit.jsonl, key: "${env:TRAIL_KEY}", reads: fail_closed}
providers: {main: {type: sqlite, path: data/main.db}}
tenants: {default: {auth: {mode: open}, routes: {notes: {default: true, chain: main, hooks: [trail]}}}}
"""
    async with gateway(tmp_path, text) as made:
        await made.post("/v1/memories", {"content": "likes tea", "user_id": "ada"})
        assert len((await made.get("/v1/subjects/ada/export")).json()["records"]) == 1
        assert (await made.http.delete("/v1/subjects/ada")).json()["deleted_memories"] == 1
    trail = (tmp_path / "data/audit.jsonl").read_text()
    for action in ("subject.export", "subject.erase"):
        assert f'"action":"{action}"' in trail
    assert '"ada"' not in trail
