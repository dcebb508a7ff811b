"""What a gateway starts from after it was killed: the files; or, where they are broken, all of what served last."""

import asyncio
import os
import random
import shutil
import stat
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import httpx
import pytest

from gateway.config.catalog import Catalog
from gateway.config.compiled import Compiled
from gateway.config.compiler import compile_config
from gateway.runtime.judging import Asked
from gateway.runtime.lastgood import LastGood
from tests.gateways import Gateway, Process, gateway, process
from tests.promises.erratic import put_file

SEED: Final = 8_841
SECRET: Final = "a canary of at least 32 characters, in a file of its own"


def text(number: int) -> str:
    return f"""
version: 1
reload: {{debounce: 20ms, poll: 1h}}
server: {{cursor_key: "${{file:secrets/cursor}}"}}
providers:
  main: {{type: sqlite, path: data/kept.db}}
defaults: {{chain: main, retrieval: {{top_k: {number % 90 + 1}}}}}
include: [tenants/*.yaml, ../shared/*.yaml]
"""


def tenant(name: str, number: int) -> str:
    return f"""
tenant: {name}
auth: {{api_keys: [{{hash: "sha256:{number:064}", roles: [reader]}}]}}
providers: {{own: {{type: sqlite, path: "${{file:../home/path-of-{name}}}"}}}}
routes: {{notes: {{default: true}}, own: {{match: {{agent: [own]}}, chain: own, retrieval: {{top_k: {number % 90 + 1}}}}}}}
"""


def fill(root: Path, number: int) -> Path:
    home = root / "home"
    (home / "secrets").mkdir(parents=True, exist_ok=True)
    (home / "secrets/cursor").write_text(SECRET)
    for name in ("a", "b"):
        (home / f"path-of-{name}").write_text(f"data/{name}.db")
    (home / "tenants").mkdir(exist_ok=True)
    put_file(home / "tenants/a.yaml", tenant("a", 2 * number + 1).replace("../home/", "../"))
    put_file(root / "shared/b.yaml", tenant("b", 2 * number + 2))
    put_file(home / "gateway.yaml", text(number))
    return home / "gateway.yaml"


def compiled(file: Path) -> Compiled:
    done = compile_config(file, os.environ, Catalog.builtin())
    assert done.config is not None and not done.broken, [note.line() for note in done.diagnostics]
    return done


def resumed(state: Path) -> Compiled:
    found = LastGood(state).found()
    assert found is not None
    return compile_config(found[0], os.environ, Catalog.builtin(), found[1])


def numbers(done: Compiled) -> set[int]:
    """Which states of the files a configuration was made from: one, unless it is a mixture."""
    assert done.config is not None, [note.line() for note in done.diagnostics]
    routes = [route for each in done.config.tenants.values() for route in each.routes]
    tops = {route.layer.retrieval.top_k for route in routes if route.name == "notes"}
    keys = {(int(each.auth.api_keys[0].hash[7:]) - 1) // 2 for each in done.config.tenants.values()}
    return {top - 1 for top in tops} | {key % 90 for key in keys}


def test_what_is_kept_serves_the_same_places_and_holds_no_secret_that_stood_elsewhere(tmp_path: Path) -> None:
    live = compiled(fill(tmp_path, 7))
    state = tmp_path / "state"
    LastGood(state).keep(live)
    again = resumed(state)
    assert again.config is not None and live.config is not None and not again.broken, again.diagnostics
    assert again.config.home == live.config.home
    assert again.config.server.cursor_key == live.config.server.cursor_key
    assert again.config.tenants.keys() == {"a", "b"}
    options = [str(each.options) for each in (live.config.providers["a/own"], again.config.providers["a/own"])]
    assert options[0] == options[1] and numbers(again) == {7}
    for file in state.rglob("*"):
        if file.is_file() and not file.is_symlink():
            assert SECRET not in file.read_text(), file
    assert stat.S_IMODE(next(state.glob("last-good-*")).stat().st_mode) == 0o700


def test_what_changed_since_it_was_checked_is_not_kept(tmp_path: Path) -> None:
    file, state = fill(tmp_path, 1), tmp_path / "state"
    LastGood(state).keep(compiled(file))
    stale = compiled(fill(tmp_path, 2))
    fill(tmp_path, 3)
    with pytest.raises(OSError, match="has changed since it was checked"):
        LastGood(state).keep(stale)
    assert numbers(resumed(state)) == {1}


def test_of_a_broken_tenant_what_it_had_before_is_kept(tmp_path: Path) -> None:
    file, state = fill(tmp_path, 1), tmp_path / "state"
    LastGood(state).keep(compiled(file))
    put_file(tmp_path / "home/tenants/a.yaml", "tenant: a\nroutes: [\n")
    put_file(file, text(1) + "# changed\n")
    LastGood(state).keep(compile_config(file, os.environ, Catalog.builtin()))
    again = resumed(state)
    assert numbers(again) == {1} and not again.broken


def test_a_keeping_that_is_killed_at_any_moment_leaves_one_state(tmp_path: Path, figure: Callable[[str], None]) -> None:
    """The calls that change the file system are counted; the keeping is ended at each of them, one after another."""
    file, state = fill(tmp_path, 1), tmp_path / "state"
    LastGood(state).keep(compiled(file))
    after = compiled(fill(tmp_path, 2))
    seen: set[int] = set()
    moments = 0
    while True:
        moments += 1
        child = os.fork()
        if child == 0:  # a process of its own, gone without any clean-up
            _die_at(moments)
            LastGood(state).keep(after)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        found = numbers(resumed(state))
        assert len(found) == 1
        seen |= found
        if os.waitstatus_to_exitcode(status) == 0:
            break
        if found == {2}:  # what came last was the tidying up: begin again from the old
            shutil.rmtree(state)
            LastGood(state).keep(before_of(tmp_path))
            after = compiled(fill(tmp_path, 2))
    assert seen == {1, 2} and moments > 10
    figure(f"keeping the last good files, ended at each of {moments} calls: always one whole state")


def before_of(root: Path) -> Compiled:
    return compiled(fill(root, 1))


def _die_at(moment: int) -> None:
    count = 0

    def counted(real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*given: Any, **named: Any) -> Any:
            nonlocal count
            count += 1
            if count == moment:
                os._exit(9)
            return real(*given, **named)

        return call

    for name in ("mkdir", "symlink", "rename", "replace", "unlink", "rmdir"):
        setattr(os, name, counted(getattr(os, name)))
    Path.write_bytes = counted(Path.write_bytes)  # type: ignore[method-assign]


async def reload(served: Gateway) -> str:
    return (await served.helm.reloader.reload("test", Asked())).result


def started(file: Path, state: Path) -> tuple[dict[str, Any], list[str]]:
    """What a gateway says of itself that starts from there."""
    with process(file, "--state", str(state), "--resume-last-good") as served:
        status = httpx.get(f"{served.url}/admin/status").json()["status"]
        return status, [each["name"] for each in httpx.get(f"{served.url}/admin/units").json()]


async def test_resuming_twice_and_rolling_back_leave_the_kept_files_as_they_were(tmp_path: Path) -> None:
    file, state = fill(tmp_path, 1), tmp_path / "state"
    async with gateway(file.parent, text(1), state=state) as served:
        fill(tmp_path, 2)
        assert await reload(served) == "applied"
        assert numbers(resumed(state)) == {2}
        assert (await served.helm.rollback(1)).outcome.result == "applied"
        assert numbers(resumed(state)) == {2}, "the files on disk are not what serves"
    for _ in range(2):
        put_file(file, "version: [\n")
        status, names = await asyncio.to_thread(started, file, state)
        assert (status["disk_valid"], status["generation"]) == (False, 1)
        assert names == ["a", "b"]
        assert numbers(resumed(state)) == {2}


async def test_keeping_does_not_hold_up_requests(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file, inside = fill(tmp_path, 1), threading.Event()
    go_on = threading.Event()

    def slow(self: LastGood, read: Compiled) -> None:
        del self, read
        inside.set()
        go_on.wait(5)

    async with gateway(file.parent, text(1), state=tmp_path / "state") as served:
        monkeypatch.setattr(LastGood, "keep", slow)
        fill(tmp_path, 2)
        attempt = asyncio.create_task(reload(served))
        await asyncio.to_thread(inside.wait, 5)
        assert (await served.get("/health/ready")).json()["generation"] == 2
        go_on.set()
        assert await attempt == "applied"


async def test_a_state_folder_that_cannot_be_written_is_told_and_lived_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    async with gateway(fill(tmp_path, 1).parent, text(1), state=tmp_path / "state") as served:
        monkeypatch.setattr(LastGood, "keep", full)
        fill(tmp_path, 2)
        assert await reload(served) == "applied"
        events = (await served.get("/admin/events")).json()
        assert ("last good not kept", "No space left on device") in {(each["what"], each["detail"]) for each in events}


def test_a_gateway_killed_at_random_moments_of_reloads_starts_again_from_its_files(
    tmp_path: Path, figure: Callable[[str], None]
) -> None:
    rng, state = random.Random(SEED), tmp_path / "state"
    file = fill(tmp_path, 0)
    number, kills, resumes = 0, 8, 0
    for kill in range(kills):
        broken = kill % 2 == 1
        if broken:
            put_file(file, "version: [\n")
        served = Process(file, "--state", str(state), "--resume-last-good")
        try:
            served.wait()
            status = httpx.get(f"{served.url}/admin/status").json()["status"]
            assert status["disk_valid"] is not broken
            assert status["tenants"] == {"ready": 2, "stale": 0, "locked": 0}
            resumes += broken
            until = time.monotonic() + rng.uniform(0.05, 0.8)
            while time.monotonic() < until:
                number += 1
                fill(tmp_path, number)
                time.sleep(rng.uniform(0.0, 0.06))
        finally:
            served.kill()
        assert len(numbers(resumed(state))) == 1
    figure(f"{kills} kills -9 within {number} changes: {kills} starts, {resumes} of them from the last good files")
