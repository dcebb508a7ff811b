"""What was deleted while somebody was changing it stays deleted, whatever stands between the route and its backend."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from gateway.domain.ports import Provider
from gateway.domain.record import Record
from gateway.domain.scope import Reach
from gateway.services.memories import changing
from gateway.services.sessions import appending, opening, summing
from gateway.summarizers.extractive import Extractive
from tests.gateways import Gateway, gateway

SECRET = "a word that must not come back"
CHAINS = {
    "memory": "[{provider: main}]",
    "sqlite": "[{provider: file}]",
    "cached": "[{provider: file}, {provider: main, role: cache, ttl: 60s}]",
    "mirrored": "[{provider: file}, {provider: main, role: mirror, ack: all}]",
    "failover": "[{provider: file}, {provider: main, role: failover}]",
    "merged": "[{provider: file}, {provider: main, role: reader}]",
    "looked up": "[{provider: points}]",
}
CONFIG = """
version: 1
providers:
  main: {{type: memory}}
  file: {{type: sqlite, path: data/kept.db}}
  points: {{type: qdrant, path: data/points}}
chains: {{chosen: {chain}}}
tenants:
  default:
    auth: {{mode: open}}
    routes: {{notes: {{default: true, chain: chosen, history: live}}}}
"""


async def put_anyway(
    provider: Provider, _: Reach, records: Sequence[Record], beside: Sequence[Record] = (), **_given: bool
) -> Sequence[bool]:
    """As if nobody asked whether they are there."""
    return await provider.put([*records, *beside])


async def changed_while_deleted(served: Gateway, monkeypatch: pytest.MonkeyPatch) -> tuple[str, int]:
    """The memory's id and what the change was answered; the deletion comes between its reading and its writing."""
    made = (await served.post("/v1/memories", {"user_id": "u", "content": "tea"})).json()["id"]
    real = changing.before_write

    async def late(*asked: Any) -> Any:
        assert (await served.http.delete(f"/v1/memories/{made}", params={"user_id": "u"})).json() == {"deleted": 1}
        return await real(*asked)

    with monkeypatch.context() as patch:
        patch.setattr(changing, "before_write", late)
        patched = {"user_id": "u", "content": SECRET}
        reply = await served.http.patch(f"/v1/memories/{made}", json=patched)
    return made, reply.status_code


@pytest.mark.parametrize("chain", CHAINS.values(), ids=CHAINS.keys())
async def test_a_deletion_in_the_middle_of_a_change_stands(
    chain: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with gateway(tmp_path, CONFIG.format(chain=chain)) as served:
        made, status = await changed_while_deleted(served, monkeypatch)
        assert status == 404
        assert (await served.get(f"/v1/memories/{made}", params={"user_id": "u"})).status_code == 404
        assert (await served.get("/v1/memories", params={"user_id": "u"})).json()["memories"] == []
        past = (await served.get(f"/v1/memories/{made}/history", params={"user_id": "u"})).json()
        assert [each["event"] for each in past["events"]] == ["ADD", "DELETE"]
        assert SECRET not in json.dumps(past)


async def test_a_change_that_writes_without_asking_brings_it_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The counter-test."""
    monkeypatch.setattr(changing, "replaced", put_anyway)
    async with gateway(tmp_path, CONFIG.format(chain=CHAINS["sqlite"])) as served:
        made, status = await changed_while_deleted(served, monkeypatch)
        assert status == 200
        assert (await served.get(f"/v1/memories/{made}", params={"user_id": "u"})).json()["content"] == SECRET


@pytest.mark.parametrize("chain", CHAINS.values(), ids=CHAINS.keys())
async def test_a_change_and_the_note_of_it_are_there_together(chain: str, tmp_path: Path) -> None:
    async with gateway(tmp_path, CONFIG.format(chain=chain)) as served:
        made = (await served.post("/v1/memories", {"user_id": "u", "content": "tea"})).json()["id"]
        for number in (1, 2):
            reply = await served.http.patch(f"/v1/memories/{made}", json={"user_id": "u", "content": f"tea {number}"})
            assert reply.json()["version"] == number + 1
        past = (await served.get(f"/v1/memories/{made}/history", params={"user_id": "u"})).json()["events"]
        assert [(each["event"], each["new"]) for each in past] == [
            ("ADD", "tea"), ("UPDATE", "tea 1"), ("UPDATE", "tea 2")
        ]  # fmt: skip


SESSIONS = """
version: 1
providers: {{main: {provider}}}
defaults: {{chain: main}}
tenants:
  default:
    auth: {{mode: open}}
    routes: {{talk: {{default: true, kinds: [message], ttl: 1h}}}}
"""
BACKENDS = {"sqlite": "{type: sqlite, path: data/kept.db}", "looked up": "{type: qdrant, path: data/points}"}


async def gone(served: Gateway) -> None:
    reply = await served.http.delete("/v1/sessions/s1", params={"user_id": "u"})
    assert reply.status_code == 200 and reply.json()["deleted"] > 0


async def said(served: Gateway, text: str) -> None:
    body = {"user_id": "u", "message": {"role": "user", "content": text}}
    assert (await served.post("/v1/sessions/s1/messages", body)).status_code == 201


@pytest.mark.parametrize("asks", [True, False], ids=["as it is", "the counter-test: nobody asks"])
@pytest.mark.parametrize("provider", BACKENDS.values(), ids=BACKENDS.keys())
async def test_a_session_that_is_deleted_in_the_middle_of_an_append_is_opened_anew(
    provider: str, asks: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not asks:
        monkeypatch.setattr(opening, "replaced", put_anyway)
    async with gateway(tmp_path, SESSIONS.format(provider=provider)) as served:
        await served.post("/v1/sessions", {"user_id": "u", "run_id": "s1", "metadata": {"told": SECRET}})
        await served.http.put("/v1/sessions/s1/system", json={"user_id": "u", "content": SECRET})
        real = appending.embedded

        async def late(*asked: Any) -> Any:
            await gone(served)
            return await real(*asked)

        with monkeypatch.context() as patch:
            patch.setattr(appending, "embedded", late)
            await said(served, "hello")
        asked = {"params": {"user_id": "u"}}
        listed = (await served.get("/v1/sessions", **asked)).json()
        assert [each["session_id"] for each in listed["sessions"]] == ["s1"]
        assert (SECRET in json.dumps(listed)) is not asks
        assert (await served.get("/v1/sessions/s1/system", **asked)).status_code == (404 if asks else 200)
        assert len((await served.get("/v1/sessions/s1/messages", **asked)).json()["messages"]) == 1


@pytest.mark.parametrize("looked", [True, False], ids=["as it is", "the counter-test: nobody looks"])
@pytest.mark.parametrize("provider", BACKENDS.values(), ids=BACKENDS.keys())
async def test_no_summary_stays_of_a_session_that_is_deleted_while_it_is_made(
    provider: str, looked: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with gateway(tmp_path, SESSIONS.format(provider=provider)) as served:
        await said(served, SECRET)
        real, calls = Extractive.summarize, list[bool]()

        async def slow(self: Extractive, talk: Any) -> str:
            if not calls:
                calls.append(True)
                await gone(served)
            return await real(self, talk)

        async def nobody(*_: Any) -> None:
            return

        monkeypatch.setattr(Extractive, "summarize", slow)
        if not looked:
            monkeypatch.setattr(summing, "_still_said", nobody)
        reply = await served.post("/v1/sessions/s1/summarize", {"user_id": "u"})
        assert reply.status_code == 200, reply.text
        kept = await served.get("/v1/sessions/s1/summary", params={"user_id": "u"})
        assert kept.status_code == (404 if looked else 200)
        assert (SECRET in kept.text) is not looked
