"""Something that answers as Zep's version 4 API does, as far as the Zep provider goes: a process of its own, on files.

There is no Zep server to run here. What stands in for it is built from the client's own models, so that the client and it
cannot grow apart in shapes; what Zep's documentation says about limits and about taking in later is kept. How well Zep
learns is not: a few sentences are understood, so that what was learned can be told.
"""

import subprocess
import sys
import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import httpx

from tests.servers import Absent, free_port, given

KEY: Final = "z-stand-in-key"
_ROOT: Final = Path(__file__).parents[3]


class Running:
    """The process. It may be killed and started again, on the same port and files."""

    def __init__(self, home: Path, *, delay: float = 0.02) -> None:
        self._home = home
        self._delay = delay
        self._port = free_port()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}/api/v4"

    def start(self) -> None:
        self._home.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "tests.servers.zep", str(self._port), str(self._home), str(self._delay), KEY]
        self._process = subprocess.Popen(command, cwd=_ROOT)
        until = time.monotonic() + 20
        while time.monotonic() < until:
            try:
                httpx.get(self.url, timeout=1)
                return
            except httpx.TransportError:
                if self._process.poll() is not None:
                    break
                time.sleep(0.05)
        raise Absent("the stand-in for Zep does not start; pip install 'memory-gateway[test]'")

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def stop(self) -> None:
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            self.kill()


@contextmanager
def zep(home: Path) -> Generator[Mapping[str, str]]:
    """`GATEWAY_TEST_ZEP_URL` names another one, as `key@url`."""
    named = given("zep")
    if named:
        key, _, url = named.partition("@")
        yield {"url": url, "api_key": key}
        return
    if find_spec("zep_cloud") is None:
        raise Absent("pip install 'memory-gateway[zep]'")
    server = Running(home)
    server.start()
    try:
        yield {"url": server.url, "api_key": KEY}
    finally:
        server.stop()


def options(server: Mapping[str, str], prefix: str) -> dict[str, Any]:
    """As they stand in YAML, for a place of its own."""
    url = server["url"]
    return {
        "base_url": url if "://" in url else f"http://{url}/api/v4", "api_key": server["api_key"], "prefix": prefix,
    }  # fmt: skip
