"""A backend that can be open only once is handed over: calls wait for a moment, and whatever fails is put back."""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from gateway.chain import held
from gateway.runtime import handover
from gateway.runtime.judging import Asked
from gateway.runtime.reports import Outcome
from tests.gateways import Gateway, gateway
from tests.promises.erratic import Yard, put_file, until, with_erratic

LOCK = ", lock: data.lock"


def text(tag: int, more: str = LOCK, tenants: str = "") -> str:
    return f"""
version: 1
reload: {{watch: false, poll: 1h}}
providers:
  main: {{type: erratic, tag: {tag}{more}}}
  other: {{type: memory}}
tenants:
  default:
    auth: {{mode: open}}
    routes:
      everything: {{default: true, chain: main, retrieval: {{strategy: all, top_k: 1}}}}
      beside: {{match: {{agent: [beside]}}, chain: other, scope: agent}}
{tenants}"""


async def changed(served: Gateway, content: str) -> Outcome:
    put_file(served.home / "gateway.yaml", content)
    return await served.helm.reloader.reload("test", Asked())


async def search(served: Gateway, **owner: str) -> tuple[int, int | str]:
    reply = await served.post("/v1/memories/search", {**(owner or {"user_id": "u"}), "query": "tag"})
    body = reply.json()
    if reply.status_code != 200:
        return reply.status_code, body["code"]
    return 200, body["results"][0]["metadata"]["tag"] if body["results"] else ""


async def searching(served: Gateway, found: list[tuple[int, int | str]]) -> None:
    while True:
        found.append(await search(served))
        await asyncio.sleep(0.005)


async def test_an_exclusive_backend_is_handed_over_without_a_failed_request(
    tmp_path: Path, figure: Callable[[str], None]
) -> None:
    yard = Yard()
    async with gateway(tmp_path, text(1, f"{LOCK}, slow: 0.01"), catalog=with_erratic(yard)) as served:
        found: list[tuple[int, int | str]] = []
        load = [asyncio.create_task(searching(served, found)) for _ in range(4)]
        for number in range(2, 22):
            assert (await changed(served, text(number, f"{LOCK}, slow: 0.01"))).result == "applied"
            assert yard.tags() == [number], "never two at once"
        for each in load:
            each.cancel()
        await asyncio.gather(*load, return_exceptions=True)
        assert {status for status, _ in found} == {200} and yard.late == 0
        figure(f"20 hand-overs of an exclusive backend beside {len(found)} searches: 0 failed, never two open")
        await until(lambda: served.helm.running.alive == 1)
        assert await search(served) == (200, 21)
    assert yard.open == []


async def test_without_the_hand_over_the_new_instance_finds_the_thing_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.runtime.use.Use.things", lambda _: frozenset[str]())  # pyright: ignore[reportUnknownArgumentType, reportUnknownLambdaType]
    async with gateway(tmp_path, text(1), catalog=with_erratic(Yard())) as served:
        outcome = await changed(served, text(2))
        assert "another instance holds the file" in outcome.reasons[0]
        assert await search(served) == (200, 1)


@pytest.mark.parametrize("how", ["raise", "refuse", "hang", "cancel"])
async def test_what_cannot_take_over_gives_the_thing_back(
    how: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(handover, "OPEN_SECONDS", 0.3)
    yard = Yard()
    async with gateway(tmp_path, text(1), catalog=with_erratic(yard)) as served:
        outcome = await changed(served, text(2, f"{LOCK}, opening: {how}"))
        assert outcome.stale == ("default",)
        assert yard.tags() == [1] and yard.made == 3, "closed, tried, opened again"
        assert await search(served) == (200, 1)
        assert (await changed(served, text(3))).stale == ()
        assert await search(served) == (200, 3)
        await until(lambda: yard.tags() == [3])


async def test_where_nobody_can_open_it_any_more_its_routes_answer_503_and_the_others_go_on(tmp_path: Path) -> None:
    yard = Yard()
    async with gateway(tmp_path, text(1), catalog=with_erratic(yard)) as served:
        yard.failing = "refuse"
        assert (await changed(served, text(2))).stale == ("default",)
        assert await search(served) == (503, "handed_over")
        assert await search(served, agent_id="beside") == (200, "")
        assert (await served.get("/health/ready")).status_code == 200
        assert (await served.get("/metrics")).status_code == 200
        yard.failing = ""
        assert (await served.helm.reloader.reload("poll")).result == "applied"
        assert await search(served) == (200, 2)


async def test_a_predecessor_that_is_busy_keeps_the_thing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handover, "HOLD_SECONDS", 0.2)
    yard = Yard()
    async with gateway(tmp_path, text(1, f"{LOCK}, slow: 1.0"), catalog=with_erratic(yard)) as served:
        slow = asyncio.create_task(search(served))
        await until(lambda: yard.scans == 1)
        outcome = await changed(served, text(2))
        assert "busy" in outcome.reasons[0] and yard.tags() == [1]
        assert await slow == (200, 1)
        assert (await served.helm.reloader.reload("poll")).result == "applied"
        assert await search(served) == (200, 2)


async def test_a_call_that_waits_too_long_for_the_hand_over_is_told_to_come_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(held, "HOLD_SECONDS", 0.2)
    monkeypatch.setattr(handover, "OPEN_SECONDS", 1.0)
    async with gateway(tmp_path, text(1), catalog=with_erratic(Yard())) as served:
        attempt = asyncio.create_task(changed(served, text(2, f"{LOCK}, opening: hang")))
        await asyncio.sleep(0.3)
        started = time.perf_counter()
        assert await search(served) == (503, "handed_over")
        assert time.perf_counter() - started < 0.6
        await attempt
        assert await search(served) == (200, 1)


async def test_a_rehearsal_and_a_build_given_up_leave_the_thing_where_it_was(tmp_path: Path) -> None:
    yard = Yard()
    async with gateway(tmp_path, text(1), catalog=with_erratic(yard)) as served:
        put_file(tmp_path / "gateway.yaml", text(2))
        assert (await served.helm.reloader.reload("test", Asked(dry_run=True))).result == "checked"
        assert yard.made == 1 and yard.tags() == [1]
        hanging = """
  second:
    auth: {api_keys: [{hash: "sha256:0000000000000000000000000000000000000000000000000000000000000001", roles: [reader]}]}
    providers: {own: {type: erratic, tag: 9, opening: hang}}
    routes: {notes: {default: true, chain: own}}
"""
        attempt = asyncio.create_task(changed(served, text(2, tenants=hanging)))
        await until(lambda: yard.tags() == [2] and yard.made == 3)
        attempt.cancel()
        await asyncio.gather(attempt, return_exceptions=True)
        assert yard.tags() == [1]
        assert await search(served) == (200, 1)
        assert (await changed(served, text(3))).result == "applied"
        assert await search(served) == (200, 3)


async def test_back_to_a_generation_that_still_drains_takes_the_thing_back(tmp_path: Path) -> None:
    yard = Yard()
    async with gateway(tmp_path, text(1), catalog=with_erratic(yard)) as served:
        with served.helm.running.snapshot:  # a request that does not end
            await changed(served, text(2))
            assert await search(served) == (200, 2)
            assert (await changed(served, text(1))).result == "applied"
            assert await search(served) == (200, 1) and yard.tags() == [1]
        await until(lambda: served.helm.running.alive == 1)
        assert await search(served) == (200, 1)
