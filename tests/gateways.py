"""Gateways for tests: in this process, with a clock that the test moves, or as a process of their own."""

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncGenerator, Generator, Mapping
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import httpx

from gateway.cli.assembly import application, steering
from gateway.cli.settings import ProcessSettings
from gateway.config.catalog import Catalog
from gateway.config.compiler import compile_config
from gateway.config.diagnostics import Severity
from gateway.embedders.tokens import load_counter
from gateway.faces.http.lines import Lines
from gateway.runtime.helm import Helm

QUICK = """
version: 1
providers:
  main: {{type: {provider}}}
tenants:
  default:
    auth: {{mode: open}}
    routes:
      everything: {{default: true, kinds: [memory, message, checkpoint], chain: main}}
"""
MEMORY = QUICK.format(provider="memory")
SQLITE = QUICK.format(provider="sqlite, path: data/test.db")

# What every gateway of a machine finds alike, and takes long to find.
installed, counter = cache(Catalog.installed), cache(load_counter)


class MovedClock:
    """Real time, plus what a test has let pass."""

    def __init__(self) -> None:
        self.ahead = timedelta()

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.ahead

    def forward(self, **amount: float) -> None:
        self.ahead += timedelta(**amount)


class Gateway:
    """An in-process gateway: `http` speaks to it, `lines` is what it logged, `helm` steers it."""

    def __init__(self, app: Any, helm: Helm, clock: MovedClock, lines: list[bytes], home: Path) -> None:
        self.app = app
        self.helm = helm
        self.clock = clock
        self.lines = lines
        self.home = home
        transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
        self.http = httpx.AsyncClient(transport=transport, base_url="http://localhost")

    async def post(self, path: str, body: Any = None, **more: Any) -> httpx.Response:
        return await self.http.post(path, json=body, **more)

    async def get(self, path: str, **more: Any) -> httpx.Response:
        return await self.http.get(path, **more)


@asynccontextmanager
async def gateway(
    home: Path,
    text: str = MEMORY,
    files: Mapping[str, str] | None = None,
    catalog: Catalog | None = None,
    **settings: Any,
) -> AsyncGenerator[Gateway]:
    """Writes the configuration, starts, yields, stops. A second one in the same home finds the first one's data."""
    for name, content in {"gateway.yaml": text, **(files or {})}.items():
        path = home / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    known = catalog or installed()
    compiled = compile_config(home / "gateway.yaml", os.environ, known)
    wrong = [note.line() for note in compiled.diagnostics if note.severity is Severity.ERROR]
    if wrong:
        raise AssertionError("\n".join(wrong))
    clock, lines = MovedClock(), list[bytes]()
    process_settings = ProcessSettings(config=home / "gateway.yaml", **settings)
    helm = steering(process_settings, clock, known, counter())
    app = application(helm, process_settings, Lines(lines.append, clock))
    async with _lifespan(app):
        made = Gateway(app, helm, clock, lines, home)
        async with made.http:
            yield made


@asynccontextmanager
async def _lifespan(app: Any) -> AsyncGenerator[None]:
    inbox: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    outbox: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    task = asyncio.create_task(
        app({"type": "lifespan", "asgi": {"version": "3.0"}, "state": {}}, inbox.get, outbox.put)
    )
    await inbox.put({"type": "lifespan.startup"})
    started = await outbox.get()
    if started["type"] != "lifespan.startup.complete":
        await task
        raise RuntimeError(started.get("message", "did not start"))
    try:
        yield
    finally:
        await inbox.put({"type": "lifespan.shutdown"})
        await outbox.get()
        await task


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Process:
    """A gateway as its users run it."""

    def __init__(self, config: Path, *arguments: str) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        command = [sys.executable, "-m", "gateway", "serve", str(config), "--port", str(self.port), *arguments]
        self._log = config.with_name(f"gateway-{self.port}.log")  # a pipe that nobody reads would fill up
        with self._log.open("wb") as log:
            self.popen = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)

    def wait(self, seconds: float = 30) -> None:
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            if self.popen.poll() is not None:
                raise RuntimeError(f"exited with {self.popen.returncode}: {self.errors()[-2000:]}")
            with contextlib.suppress(httpx.TransportError):
                if httpx.get(f"{self.url}/health/ready", timeout=1).status_code == 200:
                    return
            time.sleep(0.05)
        raise TimeoutError("the gateway did not become ready")

    def errors(self) -> str:
        return self._log.read_text(errors="replace")

    def kill(self) -> None:
        """At once, with all its workers, as a power button would."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.popen.pid, signal.SIGKILL)
        self.popen.wait()

    def stop(self) -> int:
        self.popen.send_signal(signal.SIGTERM)
        return self.popen.wait(30)


@contextmanager
def process(config: Path, *arguments: str) -> Generator[Process]:
    made = Process(config, *arguments)
    try:
        made.wait()
        yield made
    finally:
        made.kill()
