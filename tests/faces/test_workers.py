"""Processes as an operator runs them: several workers tell one truth, a stop loses nothing, a bad start says one line."""

import concurrent.futures
import json
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from gateway.runtime.meters import Labels, Meters
from gateway.runtime.tally import Tally
from tests.gateways import SQLITE, Process, free_port, process

LABELS = Labels("t", "r", "p", "memory.add")
ADDS = 60


def config(home: Path, text: str = SQLITE) -> Path:
    file = home / "gateway.yaml"
    file.write_text(text)
    return file


def add(url: str, number: int) -> int:
    """On a connection of its own, so that any worker may get it."""
    body = {"user_id": f"u{number % 7}", "content": f"note {number}"}
    return httpx.post(f"{url}/v1/memories", json=body, timeout=30).status_code


def counted(url: str) -> int:
    """What one scrape says of adds; some worker answers it."""
    text = httpx.get(f"{url}/metrics", timeout=30).text
    lines = [line for line in text.splitlines() if line.startswith("gateway_memory_operations_total{")]
    return sum(int(float(line.rsplit(" ", 1)[1])) for line in lines if 'operation="memory.add"' in line)


def workers(served: Process) -> list[int]:
    children = Path(f"/proc/{served.popen.pid}/task/{served.popen.pid}/children").read_text().split()
    return [pid for pid in map(int, children) if b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes()]


@pytest.fixture(autouse=True)
def _temporary_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a gateway of this test leaves among temporary files is found, and no other's."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))


def run_directories(home: Path) -> list[Path]:
    return sorted((home / "temporary").glob("memory-gateway-*"))


def test_two_workers_tell_one_count_and_a_dead_one_still_counts(tmp_path: Path) -> None:
    with process(config(tmp_path), "--workers", "2") as served:
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            assert set(pool.map(add, [served.url] * ADDS, range(ADDS))) == {201}
        time.sleep(1.5)  # longer than a worker keeps its figures to itself
        assert {counted(served.url) for _ in range(12)} == {ADDS}
        shared = run_directories(tmp_path)
        assert len([file for each in shared for file in each.glob("*.meters")]) == 2, "both workers had adds to tell"

        victim = workers(served)[0]
        subprocess.run(["kill", "-9", str(victim)], check=True)
        until = time.monotonic() + 20
        while victim in workers(served) or len(workers(served)) < 2:
            assert time.monotonic() < until, "no other worker has taken its place"
            time.sleep(0.1)
        served.wait()
        assert {counted(served.url) for _ in range(12)} == {ADDS}
        assert served.stop() == 0
    assert run_directories(tmp_path) == []


def test_without_the_shared_folder_the_counts_of_two_workers_fall_apart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the tally is for: give each worker a folder of its own, and a scrape tells a share."""
    alone = (
        "import tempfile, os; os.environ['MEMORY_GATEWAY_RUN_DIRECTORY'] = tempfile.mkdtemp(dir=os.environ['ALONE'])"
    )
    (tmp_path / "alone").mkdir()
    (tmp_path / "sitecustomize.py").write_text(f"import sys\nif 'spawn_main' in ' '.join(sys.orig_argv): {alone}\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setenv("ALONE", str(tmp_path / "alone"))
    with process(config(tmp_path), "--workers", "2") as served:
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            assert set(pool.map(add, [served.url] * ADDS, range(ADDS))) == {201}
        time.sleep(1.5)
        assert any(counted(served.url) < ADDS for _ in range(12))


async def test_a_total_adds_up_every_kind_of_figure_and_changes_no_worker(tmp_path: Path) -> None:
    one, two = Meters(), Meters()
    for meters in (one, two):
        meters.meter(LABELS).observe(0.1, "no_memory")
        meters.breach("p", 2)
        meters.fault("t", "r", "late")
        meters.problem("no_memory")
    mine, other = Tally(one, tmp_path), Tally(two, tmp_path)
    other.write()
    for _ in range(2):
        total = await mine.total()
        meter = total.operations[LABELS]
        assert (meter.operations, sum(meter.buckets), meter.errors) == (2, 2, {"no_memory": 2})
        assert meter.seconds == pytest.approx(0.2)
        assert (total.breaches, total.faults, total.problems) == ({"p": 4}, {("t", "r", "late"): 2}, {"no_memory": 2})
    assert one.operations[LABELS].operations == 1
    two.problem("no_memory")
    assert (await mine.total()).problems == {"no_memory": 2}, "not told yet"
    other.write()
    assert (await mine.total()).problems == {"no_memory": 3}
    assert (await Tally(one, None).total()) is one


@pytest.mark.parametrize("count", ["1", "2"])
def test_a_stop_lets_requests_under_way_finish_and_exits_0(tmp_path: Path, count: str) -> None:
    """The body is sent in halves around the signal: the request is under way when the server is asked to stop."""
    body = json.dumps({"user_id": "u", "content": "said while stopping"}).encode()
    head = f"POST /v1/memories HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    with process(config(tmp_path), "--workers", count) as served:
        with socket.create_connection(("127.0.0.1", served.port), timeout=20) as client:
            client.sendall(head + body[:10])
            time.sleep(0.3)
            served.popen.send_signal(signal.SIGTERM)
            time.sleep(0.7)
            client.sendall(body[10:])
            reply = client.makefile("rb").read()
        assert reply.startswith(b"HTTP/1.1 201 "), reply
        assert served.popen.wait(20) == 0
        assert "Traceback" not in served.errors()


def refused(file: Path, port: int, count: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "gateway", "serve", str(file), "--port", str(port), "--workers", count]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize("count", ["1", "2"])
def test_a_taken_port_is_said_in_one_line(tmp_path: Path, count: str) -> None:
    with socket.create_server(("127.0.0.1", free_port())) as taken:
        port = taken.getsockname()[1]
        done = refused(config(tmp_path), port, count)
    assert done.returncode == 1
    assert f"cannot listen on 127.0.0.1 port {port}: Address already in use" in done.stderr.splitlines()
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("count", ["1", "2"])
def test_a_provider_that_does_not_open_is_said_in_one_line_with_its_place(tmp_path: Path, count: str) -> None:
    (tmp_path / "data" / "test.db").mkdir(parents=True)
    done = refused(config(tmp_path), free_port(), count)
    assert done.returncode == 78
    said = [line for line in done.stderr.splitlines() if not line.startswith("{")]
    assert len(said) == 1, done.stderr
    assert "gateway.yaml:4: sqlite 'main' does not open: " in said[0]
    assert "Traceback" not in done.stderr
    assert run_directories(tmp_path) == []
