"""What stands in for MongoDB, of which no server can be had here: our own wire server, and nx-27017 by somebody else.

`GATEWAY_TEST_MONGODB_URL` names a real one, and then it is what all of them answer for.
"""

import importlib.util
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.servers import Absent, free_port, given

_ROOT = Path(__file__).parents[3]
VECTORS = "vectors"  # the search index that the stand-in lets tests make


class Process:
    """A server process that can be killed and started again on the same port and data."""

    def __init__(self, command: Sequence[str], port: int) -> None:
        self._command = command
        self._port = port
        self._running: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"mongodb://127.0.0.1:{self._port}/?directConnection=true"

    def start(self) -> None:
        self._running = subprocess.Popen(
            self._command, cwd=_ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline and self._running.poll() is None:
            try:
                socket.create_connection(("127.0.0.1", self._port), timeout=1).close()
            except OSError:
                time.sleep(0.02)
            else:
                return
        self.stop()
        raise Absent(f"{self._command[2]} does not start")

    def kill(self) -> None:
        self._ended(signal.SIGKILL)

    def stop(self) -> None:
        self._ended(signal.SIGTERM)

    def _ended(self, how: signal.Signals) -> None:
        running, self._running = self._running, None
        if running is None:
            return
        running.send_signal(how)
        try:
            running.wait(5)
        except subprocess.TimeoutExpired:
            running.kill()
            running.wait()


def wire_server(home: Path, *, expire_every: float = 60) -> Process:
    _driver()
    port = free_port()
    return Process(
        [sys.executable, "-m", "tests.servers.mongo", str(home / "mongo"), str(port), str(expire_every)], port
    )


def options(server: Mapping[str, str], collection: str) -> dict[str, Any]:
    """As in YAML: with vector search where the server is known to have it."""
    search = {"vector_search": {"index": server["index"]}} if "index" in server else {}
    return {"url": server["url"], "collection": collection, **search}


@contextmanager
def mongodb(home: Path) -> Generator[Mapping[str, str]]:
    """Our own wire server, which has vector search; or the real one that was named, of which that is not known."""
    if (url := given("mongodb")) is not None:
        yield {"url": url}
        return
    process = wire_server(home)
    process.start()
    try:
        yield {"url": process.url, "index": VECTORS}
    finally:
        process.stop()


@contextmanager
def nx(home: Path) -> Generator[Mapping[str, str]]:
    _driver()
    if importlib.util.find_spec("nx_27017") is None:
        raise Absent("pip install nx-27017")
    port = free_port()
    data = home / "nx"
    data.mkdir()
    command = [sys.executable, "-m", "nx_27017.nx_27017", "--data-dir", str(data), "--port", str(port)]
    process = Process([*command, "--log-file", str(home / "nx.log"), "--pid-file", str(home / "nx.pid")], port)
    process.start()
    try:
        yield {"url": process.url}
    finally:
        process.stop()


def _driver() -> None:
    if importlib.util.find_spec("pymongo") is None:
        raise Absent("pip install pymongo")
