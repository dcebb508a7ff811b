"""Faults on purpose before one provider of a running gateway: on every worker, for a while, and only where it is allowed."""

import subprocess
import sys
import time
from collections.abc import Generator
from pathlib import Path

import httpx
import pytest

from tests.gateways import Process, process
from tests.promises.erratic import put_file

GATEWAY = """
version: 1
reload: {{watch: false, poll: 1h}}
admin: {{chaos: {chaos}}}
providers:
  main: {{type: sqlite, path: data/main.db, guard: {{timeout: 300ms, failures: 5, open_for: 100ms, max_open_for: 100ms}}}}
  other: {{type: sqlite, path: data/other.db}}
tenants:
  default:
    auth: {{mode: open}}
    routes:
      main: {{default: true, chain: main}}
      other: {{match: {{agent: [other]}}, chain: other, scope: [user, agent]}}
"""


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Generator[Process]:
    home = tmp_path_factory.mktemp("chaos")
    put_file(home / "gateway.yaml", GATEWAY.format(chaos="true"))
    with process(home / "gateway.yaml", "--workers", "2") as running:
        until = time.monotonic() + 20
        while len(httpx.get(f"{running.url}/admin/status").json()["workers"]) < 2:
            assert time.monotonic() < until
            time.sleep(0.05)
        yield running


def run(served: Process, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "gateway", *words, "--url", served.url]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def statuses(served: Process, number: int = 30, **more: str) -> list[int]:
    """Of calls over connections of their own, so that every worker gets some."""
    params = {"user_id": "u", **more}
    return [httpx.get(f"{served.url}/v1/memories", params=params).status_code for _ in range(number)]


def test_faults_come_on_every_worker_before_one_provider_and_can_be_ended(served: Process) -> None:
    assert set(statuses(served)) == {200}
    began = run(served, "chaos", "--provider", "main", "--errors", "1", "--for", "5m")
    assert began.returncode == 0, began.stderr
    assert began.stdout == "faults before main on 2 of 2 workers for 300 s: errors 1\n"
    assert set(statuses(served)) == {503}
    assert set(statuses(served, agent_id="other")) == {200}
    told = run(served, "status").stdout
    assert told.count("faults    on purpose before main") == 2
    figures = httpx.get(f"{served.url}/metrics").text
    assert 'gateway_provider_faults{provider="main"} 1.0' in figures
    assert 'gateway_provider_breaker_open{provider="main"} 1.0' in figures
    ended = run(served, "chaos", "--provider", "main", "--stop")
    assert (ended.returncode, ended.stdout) == (0, "ended: no faults before main on 2 of 2 workers\n")
    time.sleep(0.3)  # the breaker asks again
    assert statuses(served)[-10:] == [200] * 10
    assert "faults" not in run(served, "status").stdout
    assert 'gateway_provider_faults{provider="main"} 0.0' in httpx.get(f"{served.url}/metrics").text


def test_they_end_by_themselves(served: Process) -> None:
    began = run(
        served, "chaos", "gateway.yaml", "--provider", "main", "--hang", "1", "--latency", "10ms", "--for", "2s"
    )
    assert began.returncode == 0 and began.stdout.endswith("for 2 s: hang 1, latency 0.01\n")
    assert set(statuses(served, 4)) <= {503, 504}
    time.sleep(2.5)
    assert statuses(served)[-10:] == [200] * 10
    assert "faults" not in run(served, "status").stdout


def test_what_cannot_be_is_refused_with_a_reason(served: Process) -> None:
    unguarded = run(served, "chaos", "--provider", "other", "--errors", "1")
    assert unguarded.returncode == 1 and "409 no_guard" in unguarded.stderr
    assert "409 no_guard" in run(served, "chaos", "--provider", "nobody", "--errors", "1").stderr
    assert run(served, "chaos", "--provider", "main").returncode == 2
    assert run(served, "chaos", "--provider", "main", "--errors", "1.5").returncode == 2
    assert run(served, "chaos", "--provider", "main", "--errors", "1", "--for", "soon").returncode == 2
    long = run(served, "chaos", "--provider", "main", "--errors", "1", "--for", "2h")
    assert long.returncode == 1 and "422" in long.stderr
    browser = httpx.post(f"{served.url}/admin/chaos?provider=main&seconds=9&errors=1", headers={"origin": "https://x"})
    assert browser.status_code == 403
    assert set(statuses(served, 5)) == {200}


def test_where_the_file_does_not_say_so_it_is_forbidden(served: Process) -> None:
    file = Path(served.popen.args[4])  # type: ignore[index]  # the configuration it was given
    put_file(file, GATEWAY.format(chaos="false"))
    try:
        assert run(served, "reload").returncode == 0
        refused = run(served, "chaos", "--provider", "main", "--errors", "1")
        assert refused.returncode == 1 and "403 chaos_off" in refused.stderr and "chaos: true" in refused.stderr
        assert set(statuses(served, 5)) == {200}
        assert run(served, "chaos", "--provider", "main", "--stop").returncode == 0
    finally:
        put_file(file, GATEWAY.format(chaos="true"))
        assert run(served, "reload").returncode == 0
