"""Whatever goes wrong at any stage of a reload: the old configuration serves, nothing leaks, and the next good change
is applied."""

import asyncio
import json
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gateway.runtime import build, disk, instances, reloading
from gateway.runtime.judging import Asked
from gateway.runtime.reports import Outcome, Stage
from tests.gateways import Gateway, gateway
from tests.promises.erratic import CANARY, Yard, put_file, until, with_erratic


def text(tag: int, more: str = "", *, drain: str = "30s") -> str:
    return f"""
version: 1
reload: {{watch: false, poll: 1h, drain: {drain}}}
providers:
  main: {{type: erratic, tag: {tag}{more}}}
tenants:
  default:
    auth: {{mode: open}}
    routes: {{everything: {{default: true, chain: main, retrieval: {{strategy: all, top_k: 1}}}}}}
"""


async def tag(served: Gateway) -> int:
    reply = await served.post("/v1/memories/search", {"user_id": "u", "query": "tag"})
    assert reply.status_code == 200, reply.text
    return reply.json()["results"][0]["metadata"]["tag"]


async def changed(served: Gateway, content: str) -> Outcome:
    put_file(served.home / "gateway.yaml", content)
    return await served.helm.reloader.reload("test", Asked())


async def recovers(served: Gateway, yard: Yard, number: int) -> None:
    """Serves what it served, holds only that open, is ready, and takes the next change."""
    assert (await served.get("/health/ready")).status_code == 200
    assert await tag(served) == 1
    await until(lambda: yard.tags() == [1])
    assert yard.half == 0
    assert (await changed(served, text(number))).result == "applied"
    assert await tag(served) == number
    await until(lambda: yard.tags() == [number])
    assert CANARY.encode() not in b"".join(served.lines)


@pytest.mark.parametrize("how", ["raise", "refuse", "hang", "cancel", "half"])
async def test_a_backend_that_does_not_open_leaves_the_tenant_on_what_it_had(
    how: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    yard = Yard()
    async with gateway(tmp_path, text(1), catalog=with_erratic(yard)) as served:
        monkeypatch.setattr(build, "OPEN_SECONDS", 0.2)
        outcome = await changed(served, text(2, f", opening: {how}"))
        assert outcome.stale == ("default",) and "does not open" in outcome.reasons[0]
        unit = (await served.get("/admin/units/default")).json()
        assert unit["state"] == "stale" and "gateway.yaml:5" in unit["reasons"][0]
        assert CANARY not in json.dumps([unit, (await served.get("/admin/events")).json()])
        await recovers(served, yard, 3)
    assert yard.open == [] and CANARY not in caplog.text


async def test_a_backend_that_comes_back_is_taken_without_any_change_of_the_files(tmp_path: Path) -> None:
    yard = Yard()
    async with gateway(tmp_path, text(1), catalog=with_erratic(yard)) as served:
        yard.failing = "refuse"
        await changed(served, text(2))
        generation = served.helm.reloader.status().generation
        for _ in range(3):
            assert (await served.helm.reloader.reload("poll")).result == "unchanged"
        assert served.helm.reloader.status().generation == generation, "trying in vain makes no generations"
        yard.failing = ""
        assert (await served.helm.reloader.reload("poll")).result == "applied"
        assert await tag(served) == 2
        assert (await served.get("/admin/units/default")).json()["state"] == "ready"


async def test_a_compiler_that_raises_is_one_failed_attempt(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    yard = Yard()
    async with gateway(tmp_path, text(1), catalog=with_erratic(yard)) as served:
        with monkeypatch.context() as broken:
            broken.setattr("gateway.cli.assembly.recompile", _raise)
            outcome = await changed(served, text(2))
            assert (outcome.result, outcome.stage) == ("rejected", Stage.READ)
            assert (await served.get("/admin/status")).json()["status"]["last"]["stage"] == "read"
        await recovers(served, yard, 3)
    assert CANARY not in caplog.text


def _raise(*_: Any, **__: Any) -> Any:
    raise RuntimeError(CANARY)


async def test_a_file_system_that_hangs_holds_one_thread_and_no_request(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    yard, hung = Yard(), threading.Event()
    async with gateway(tmp_path, text(1), catalog=with_erratic(yard)) as served:
        with monkeypatch.context() as broken:
            broken.setattr(disk, "READ_SECONDS", 0.2)
            broken.setattr("gateway.cli.assembly.recompile", lambda *_: hung.wait())  # pyright: ignore[reportUnknownArgumentType, reportUnknownLambdaType]
            await changed(served, text(2))
            threads = threading.active_count()
            for _ in range(3):
                outcome = await changed(served, text(2))
                assert (outcome.result, outcome.stage) == ("rejected", Stage.READ)
                assert "not read within" in outcome.reasons[0]
            assert threading.active_count() == threads
        hung.set()
        await recovers(served, yard, 3)


async def test_a_build_that_takes_too_long_is_given_up_as_a_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    yard = Yard()
    async with gateway(tmp_path, text(1), catalog=with_erratic(yard)) as served:
        monkeypatch.setattr(reloading, "BUILD_SECONDS", 0.2)
        outcome = await changed(served, text(2, ", opening: hang"))
        assert (outcome.result, outcome.stage) == ("rejected", Stage.BUILD)
        monkeypatch.setattr(reloading, "BUILD_SECONDS", 10.0)
        await recovers(served, yard, 3)


async def test_a_reload_that_is_cancelled_leaves_nothing(tmp_path: Path) -> None:
    yard = Yard()
    async with gateway(tmp_path, text(1), catalog=with_erratic(yard)) as served:
        attempt = asyncio.create_task(changed(served, text(2, ", opening: hang")))
        await until(lambda: served.helm.reloader.status().stage is Stage.BUILD and yard.made == 2)
        attempt.cancel()
        await asyncio.gather(attempt, return_exceptions=True)
        assert served.helm.reloader.status().stage is Stage.IDLE
        await recovers(served, yard, 3)


async def test_a_commit_that_raises_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    yard = Yard()
    async with gateway(tmp_path, text(1), catalog=with_erratic(yard)) as served:
        with monkeypatch.context() as broken:
            broken.setattr(served.helm.running, "commit", _raise)
            outcome = await changed(served, text(2))
            assert (outcome.result, outcome.stage) == ("rejected", Stage.COMMIT)
        await recovers(served, yard, 3)


async def test_a_rehearsal_opens_and_closes_and_changes_nothing(tmp_path: Path) -> None:
    yard = Yard()
    async with gateway(tmp_path, text(1), catalog=with_erratic(yard)) as served:
        put_file(tmp_path / "gateway.yaml", text(2))
        before = (await served.get("/admin/status")).json()["status"]
        told = (await served.post("/admin/reload?dry_run=true")).json()["outcome"]
        assert (told["result"], told["changed"], yard.made) == ("checked", ["default"], 2)
        after = (await served.get("/admin/status")).json()["status"]
        assert (after["generation"], after["last"]) == (before["generation"], before["last"])
        await recovers(served, yard, 3)


@pytest.mark.parametrize("how", ["raise", "hang"])
async def test_what_does_not_close_is_counted_and_logged_and_never_fatal(
    how: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(instances, "CLOSE_SECONDS", 0.2)
    async with gateway(tmp_path, text(1, f", closing: {how}"), catalog=with_erratic(Yard())) as served:
        for number in (2, 3):
            assert (await changed(served, text(number, f", closing: {how}"))).result == "applied"
            await until(lambda: served.helm.running.alive == 1)
        assert 'gateway_faults_total{code="close_failed",route="",tenant=""} 2.0' in (await served.get("/metrics")).text
        assert await tag(served) == 3
        put_file(tmp_path / "gateway.yaml", text(4))
        assert (await served.post("/admin/reload?dry_run=true")).json()["outcome"]["result"] == "checked"
    assert "did not close cleanly" in caplog.text and CANARY not in caplog.text


async def test_a_slow_request_ends_on_the_configuration_it_began_with(tmp_path: Path) -> None:
    yard = Yard()
    async with gateway(tmp_path, text(1, ", slow: 0.6"), catalog=with_erratic(yard)) as served:
        slow = asyncio.create_task(tag(served))
        await until(lambda: yard.scans == 1)
        assert (await changed(served, text(2))).result == "applied"
        assert await tag(served) == 2 and not slow.done()
        assert yard.tags() == [1, 2]
        assert await slow == 1
        await until(lambda: yard.tags() == [2])
        assert yard.late == 0


async def test_what_does_not_end_within_the_drain_is_cut_off(tmp_path: Path) -> None:
    yard = Yard()
    async with gateway(tmp_path, text(1, ", slow: 2.0", drain="200ms"), catalog=with_erratic(yard)) as served:
        slow = asyncio.create_task(served.post("/v1/memories/search", {"user_id": "u", "query": "tag"}))
        await until(lambda: yard.scans == 1)
        started = time.perf_counter()
        assert (await changed(served, text(2, drain="200ms"))).result == "applied"
        await until(lambda: yard.tags() == [2])
        assert time.perf_counter() - started < 1.0
        assert (await slow).status_code == 503
        assert 'code="drain_cut_off"' in (await served.get("/metrics")).text


async def test_at_most_three_generations_are_alive_whatever_hangs_on_to_them(
    tmp_path: Path, figure: Callable[[str], None]
) -> None:
    yard, most = Yard(), 0
    async with gateway(tmp_path, text(1, ", slow: 3.0"), catalog=with_erratic(yard)) as served:
        requests: list[asyncio.Task[Any]] = []
        for number in range(2, 12):
            requests.append(asyncio.create_task(served.post("/v1/memories/search", {"user_id": "u", "query": "tag"})))
            await asyncio.sleep(0.02)
            assert (await changed(served, text(number, ", slow: 3.0"))).result == "applied"
            await until(lambda: served.helm.running.alive <= 3, 1)
            most = max(most, len(yard.open))
        assert most <= 4
        for each in requests:
            each.cancel()
        await asyncio.gather(*requests, return_exceptions=True)
        await until(lambda: served.helm.running.alive == 1)
    figure(f"ten reloads over requests that do not end: at most {most} backends open at once, 3 generations alive")


async def test_a_failure_never_flips_readiness_and_a_revert_clears_it(tmp_path: Path) -> None:
    async with gateway(tmp_path, text(1), catalog=with_erratic(Yard())) as served:
        assert not (await changed(served, "version: [\n")).ok
        ready = await served.get("/health/ready")
        assert (ready.status_code, ready.json()["generation"]) == (200, 1)
        metrics = (await served.get("/metrics")).text
        assert "gateway_config_last_reload_successful 0.0" in metrics and "gateway_config_disk_valid 0.0" in metrics
        assert (await changed(served, text(1))).result == "unchanged"
        metrics = (await served.get("/metrics")).text
        assert "gateway_config_last_reload_successful 1.0" in metrics and "gateway_config_disk_valid 1.0" in metrics


async def test_an_expectation_that_fails_says_nothing_about_the_files(tmp_path: Path) -> None:
    async with gateway(tmp_path, text(1), catalog=with_erratic(Yard())) as served:
        put_file(tmp_path / "gateway.yaml", text(2))
        told = (await served.post("/admin/reload?expect=another")).json()["outcome"]
        assert told["result"] == "rejected" and told["digest"] in told["reasons"][0]
        assert served.helm.reloader.status().last.ok
        assert (await served.helm.reloader.reload("watch")).result == "applied", "the watcher takes them all the same"
        put_file(tmp_path / "gateway.yaml", text(3))
        digest = (await served.post("/admin/reload?dry_run=true")).json()["outcome"]["digest"]
        assert (await served.post(f"/admin/reload?expect={digest}")).json()["outcome"]["result"] == "applied"


async def test_a_rollback_holds_until_the_files_change(tmp_path: Path) -> None:
    async with gateway(tmp_path, text(1), catalog=with_erratic(Yard())) as served:
        await changed(served, text(2))
        told = (await served.post("/admin/rollback/1")).json()
        assert told["agreed"] and told["outcome"]["generation"] == 3 and await tag(served) == 1
        assert served.helm.reloader.status().held
        assert (await served.helm.reloader.reload("poll")).result == "unchanged"
        assert (await served.post("/admin/reload")).json()["outcome"]["result"] == "unchanged"
        assert (await changed(served, text(3))).result == "applied" and await tag(served) == 3
        assert not served.helm.reloader.status().held
        await served.post("/admin/rollback/1")
        assert (await served.post("/admin/reload?insist=true")).json()["outcome"]["result"] == "applied"
        assert await tag(served) == 3
        assert (await served.post("/admin/rollback/99")).json()["outcome"]["result"] == "rejected"


async def test_a_rollback_holds_back_what_nobody_had_noticed_yet(tmp_path: Path) -> None:
    async with gateway(tmp_path, text(1), catalog=with_erratic(Yard())) as served:
        await changed(served, text(2))
        put_file(tmp_path / "gateway.yaml", text(3))
        await served.post("/admin/rollback/1")
        assert (await served.helm.reloader.reload("poll")).result == "unchanged"
        assert await tag(served) == 1


async def test_an_attempt_that_comes_after_the_end_does_nothing(tmp_path: Path) -> None:
    async with gateway(tmp_path, text(1), catalog=with_erratic(Yard())) as served:
        helm = served.helm
    put_file(tmp_path / "gateway.yaml", text(2))
    assert (await helm.reloader.reload("late")).result == "rejected"
    assert not helm.running.ready
