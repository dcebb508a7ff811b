"""A gateway that is asked to stop says so, serves what it was asked, and is gone in the time it has: nothing is lost.

Dropped is what was sent on a connection that was there and never got its whole reply; a connection refused is none.
"""

import asyncio
import json
import signal
import socket
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import httpx
import pytest

from gateway.cli.leaving import shut
from tests.gateways import Process, free_port, process
from tests.promises import narrow
from tests.promises.writers import Write, stored

LAME_DUCK: Final = 1.0
GRACE: Final = 5.0
CONFIG: Final = """
version: 1
providers:
  main: {type: sqlite, path: data/test.db}
  slow: {type: narrow, lanes: 100, seconds: SECONDS}
tenants:
  default:
    auth: {mode: open}
    routes:
      all: {default: true, kinds: [memory], chain: main}
      slow: {match: {user: [slow]}, kinds: [memory], chain: slow}
"""


class Clients:
    """Some keep their connection, some make one for each request; a third of the requests take a while."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._next = 0
        self.acknowledged: dict[int, str] = {}
        self.statuses: Counter[int] = Counter()
        self.closes = 0  # replies that asked for another connection
        self.dropped: list[str] = []
        self.begun: float = 0

    async def work(self, keeping: int = 12, fresh: int = 6) -> None:
        """Until nobody listens any more."""
        await asyncio.gather(*(self._one(keep=number < keeping, number=number) for number in range(keeping + fresh)))

    async def _one(self, *, keep: bool, number: int) -> None:
        streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        while True:
            try:
                streams = streams or await asyncio.open_connection("127.0.0.1", self._port)
            except OSError:
                return
            write = None if number % 3 == 0 else self._taken()
            try:
                status, closes, body = await self._exchange(*streams, _request(write))
            except (OSError, EOFError, ValueError) as error:
                self.dropped.append(repr(error))
                streams = None
                continue
            self.statuses[status] += 1
            self.closes += closes
            if write is not None and status == 201:
                self.acknowledged[write.number] = json.loads(body)["id"]
            if closes or not keep:
                streams[1].close()
                streams = None

    def _taken(self) -> Write:
        self._next += 1
        return Write(self._next - 1)

    async def _exchange(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes
    ) -> tuple[int, bool, bytes]:
        writer.write(request)
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        length = int(head.partition(b"content-length: ")[2].partition(b"\r")[0])
        return int(head[9:12]), b"connection: close" in head, await reader.readexactly(length)


def _request(write: Write | None) -> bytes:
    if write is None:
        return b"GET /v1/memories?user_id=slow HTTP/1.1\r\nHost: x\r\n\r\n"
    body = json.dumps({"user_id": write.user, **write.body()}).encode()
    head = (
        f"POST /v1/memories HTTP/1.1\r\nHost: x\r\nIdempotency-Key: {write.key}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


async def unready(server: Process) -> tuple[float, dict[str, Any]]:
    """Seconds until somebody new is told to go elsewhere, and the words."""
    began = time.monotonic()
    while True:
        async with httpx.AsyncClient(base_url=server.url, timeout=5) as http:
            told = await http.get("/health/ready")
        if told.status_code == 503:
            return time.monotonic() - began, told.json()
        assert time.monotonic() < began + LAME_DUCK, "still ready"
        await asyncio.sleep(0.01)


def configured(home: Path, seconds: float) -> Path:
    (home / "gateway.yaml").write_text(CONFIG.replace("SECONDS", str(seconds)))
    return home / "gateway.yaml"


@pytest.mark.parametrize("workers", ["1", "2"])
async def test_a_stop_under_load_drops_no_request_and_loses_no_write(
    workers: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, figure: Callable[[str], None]
) -> None:
    narrow.install(tmp_path, monkeypatch)
    config = configured(tmp_path, 0.2)
    arguments = ("--workers", workers, "--lame-duck", str(LAME_DUCK), "--grace", str(GRACE))
    with process(config, *arguments) as server:
        clients = Clients(server.port)
        load = asyncio.create_task(clients.work())
        await asyncio.sleep(1.5)
        before = clients.statuses.total()
        began = time.monotonic()
        server.popen.send_signal(signal.SIGTERM)
        seconds, told = await unready(server)
        code = await asyncio.to_thread(server.popen.wait, 30)
        took = time.monotonic() - began
        await asyncio.wait_for(load, 10)
        errors = server.errors()
    with process(config, *arguments) as again:
        found = await stored(again)
    lost = [number for number, id_ in clients.acknowledged.items() if id_ not in found]
    figure(
        f"SIGTERM under load ({workers} worker{'s' * (workers > '1')}): {len(clients.dropped)} of "
        f"{clients.statuses.total()} requests dropped ({clients.statuses.total() - before} of them served after it), "
        f"{len(lost)} of {len(clients.acknowledged)} acknowledged writes lost, not ready after {seconds * 1000:.0f} ms, "
        f"exit {code} after {took:.1f} s"
    )
    assert clients.dropped == []
    assert lost == []
    assert code == 0
    assert took < LAME_DUCK + GRACE
    assert (told["code"], told["status"]) == ("leaving", 503)
    assert set(clients.statuses) == {200, 201}
    assert clients.statuses.total() > before > 50
    assert clients.closes > 0, "connections that are kept are given back"
    assert len(clients.acknowledged) > 30
    assert "Traceback" not in errors


async def test_a_killed_gateway_drops_what_is_under_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, figure: Callable[[str], None]
) -> None:
    narrow.install(tmp_path, monkeypatch)
    with process(configured(tmp_path, 0.2)) as server:
        clients = Clients(server.port)
        load = asyncio.create_task(clients.work())
        await asyncio.sleep(1)
        server.kill()
        await asyncio.wait_for(load, 10)
    figure(f"counter-test: SIGKILL drops {len(clients.dropped)} requests")
    assert len(clients.dropped) > 3


@pytest.mark.parametrize("workers", ["1", "2"])
async def test_a_request_that_outlasts_the_grace_is_told_so_and_does_not_hold_up_the_end(
    workers: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    narrow.install(tmp_path, monkeypatch)
    arguments = ("--workers", workers, "--lame-duck", "0.2", "--grace", "1")
    with process(configured(tmp_path, 20), *arguments) as server:
        async with httpx.AsyncClient(base_url=server.url, timeout=30) as http:
            slow = asyncio.create_task(http.get("/v1/memories", params={"user_id": "slow"}))
            await asyncio.sleep(0.5)
            began = time.monotonic()
            server.popen.send_signal(signal.SIGTERM)
            reply = await slow
        assert await asyncio.to_thread(server.popen.wait, 30) == 0
        assert time.monotonic() - began < 5
    assert (reply.status_code, reply.json()["code"]) == (503, "cut_off")
    assert reply.headers["retry-after"] and reply.headers["connection"] == "close"


async def test_an_interrupt_does_not_wait_for_balancers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    narrow.install(tmp_path, monkeypatch)
    with process(configured(tmp_path, 0.1), "--lame-duck", "60") as server:
        server.popen.send_signal(signal.SIGTERM)
        await asyncio.sleep(0.5)
        async with httpx.AsyncClient(base_url=server.url) as http:
            assert (await http.get("/v1/memories", params={"user_id": "u"})).status_code == 200
        server.popen.send_signal(signal.SIGINT)
        assert await asyncio.to_thread(server.popen.wait, 10) == 0


def pending(listener: socket.socket) -> socket.socket:
    """Connected, and not accepted yet."""
    client = socket.create_connection(listener.getsockname(), timeout=5)
    client.sendall(b"a request")
    return client


def test_a_shut_door_keeps_who_is_in_and_lets_nobody_else_in() -> None:
    if not sys.platform.startswith("linux"):
        pytest.skip("only Linux has filters")
    with socket.create_server(("127.0.0.1", free_port())) as listener, pending(listener):
        shut(listener.fileno())
        with pytest.raises(TimeoutError):
            socket.create_connection(listener.getsockname(), timeout=0.3)
        accepted, _ = listener.accept()
        assert accepted.recv(100) == b"a request"
        accepted.close()


def test_a_door_that_is_taken_away_cuts_off_who_is_not_in_yet() -> None:
    """What the shut door is for."""
    with socket.create_server(("127.0.0.1", free_port())) as listener:
        client = pending(listener)
    with client, pytest.raises(ConnectionResetError):
        client.recv(100)
