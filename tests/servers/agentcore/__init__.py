"""A stand-in for the data plane of AgentCore Memory in its own process, kept in a file: what was answered survives a kill.

It routes and checks requests by the model that botocore ships, patterns and lengths too, which the driver itself does
not check. It knows every memory id that fits the pattern. Strategies learn nothing here; searches count words.
GATEWAY_TEST_AGENTCORE_URL names a service that runs elsewhere.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.request import urlopen

from tests.servers import Absent, free_port, given

REGION = "eu-central-1"
KEYS = {"access_key_id": "testing", "secret_access_key": "testing"}
START_SECONDS = 30


class Server:
    """One server on one port and one file, started and killed as often as wanted."""

    def __init__(self, home: Path) -> None:
        home.mkdir(parents=True, exist_ok=True)
        self._home = home
        self._port = free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self.url = f"http://127.0.0.1:{self._port}"

    def start(self) -> None:
        root = Path(__file__).parents[3]
        with (self._home / "agentcore.log").open("ab") as log:
            self._process = subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    "tests.servers.agentcore.process",
                    str(self._port),
                    str(self._home / "data.jsonl"),
                ],
                stdout=log,
                stderr=log,
                cwd=root,
                env={**os.environ, "PYTHONPATH": str(root)},
            )
        until = time.monotonic() + START_SECONDS
        while self._process.poll() is None and time.monotonic() < until:
            try:
                with urlopen(self.url, timeout=1):
                    return
            except HTTPError:
                return
            except (URLError, OSError):
                time.sleep(0.05)
        raise Absent("the stand-in of AgentCore did not start: pip install aiobotocore")

    def send(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    def kill(self) -> None:
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def stop(self) -> None:
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self.kill()


@contextmanager
def agentcore(home: Path) -> Generator[Mapping[str, str]]:
    """`endpoint_url` and `region`."""
    elsewhere = given("AGENTCORE")
    if elsewhere:
        yield {"endpoint_url": elsewhere, "region": REGION}
        return
    if find_spec("botocore") is None:
        raise Absent("botocore is not installed: pip install aiobotocore")
    server = Server(home)
    try:
        server.start()
        yield {"endpoint_url": server.url, "region": REGION}
    finally:
        server.stop()
