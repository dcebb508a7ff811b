"""A Qdrant server for tests: Qdrant's own engine (qdrant-edge) behind the part of its REST interface that is used here.

The engine never releases the interpreter's lock, so it has a process to itself. What it acknowledged is in its log: the
process may be killed and started again on the same folder and port.
"""

import importlib.util
import os
import subprocess
import sys
import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

from tests.servers import Absent, free_port, given

_ROOT = Path(__file__).parent.parent.parent.parent
_PATIENCE = 20.0  # seconds


@contextmanager
def qdrant(home: Path) -> Generator[Mapping[str, str]]:
    """Its `url`."""
    named = given("QDRANT")
    if named is not None:
        yield {"url": named}
        return
    server = Server(home)
    server.start()
    try:
        yield {"url": server.url}
    finally:
        server.stop()


class Server:
    """One process on one folder and port; may be killed and started again, as often as is wanted."""

    def __init__(self, home: Path) -> None:
        if importlib.util.find_spec("qdrant_edge") is None:
            raise Absent("no Qdrant engine; pip install qdrant-edge-py")
        self.home = home
        self._port = free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self.url = f"http://127.0.0.1:{self._port}"

    def start(self) -> None:
        """Returns when it answers."""
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.servers.qdrant", str(self._port), str(self.home)],
            cwd=_ROOT,
            env={**os.environ, "PYTHONPATH": str(_ROOT)},
        )
        until = time.monotonic() + _PATIENCE
        while time.monotonic() < until and self._process.poll() is None:
            try:
                with urlopen(f"{self.url}/healthz", timeout=1):
                    return
            except (URLError, OSError):
                time.sleep(0.02)
        self.kill()
        raise Absent("the engine's process does not start")

    def kill(self) -> None:
        """At once, as a machine that fails would end it."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def stop(self) -> None:
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self.kill()
