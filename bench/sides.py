"""The processes that are compared: a gateway, the bare handler, the store alone. Started on loopback, ended with `stack`.

Everything that is asked of them is prepared here as bytes, so that asking costs the same whoever answers.
"""

import http.client
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import IO, Any, Final, Protocol, TypeAlias, cast

import msgspec

from bench.bare import Replies
from bench.direct import Task
from bench.load import Job, Measured
from bench.words import QUERIES, SEARCHED, TEXTS, metadata
from gateway.auth.keys import NewKey, new_key

ROOT: Final = Path(__file__).parent.parent
JSON: Final = {"Content-Type": "application/json"}

CONFIG: Final = """
version: 1
providers:
  main: {{{provider}}}
tenants:
  bench:
    auth: {{api_keys: [{{hash: "{hash}", roles: [reader, writer]}}]}}
    routes:
      everything: {{default: true, kinds: [memory], chain: main}}
"""


Started: TypeAlias = tuple[subprocess.Popen[bytes], Path]


class Side(Protocol):
    def measure(self, operation: str, connections: int, seconds: float) -> Measured: ...


class Loader:
    """The load generator, in its own process."""

    def __init__(self, stack: ExitStack) -> None:
        self._lines = Lines(stack, "bench.load")

    def run(self, job: Job) -> Measured:
        done = self._lines.ask(job)
        if done.refused:
            raise RuntimeError(f"{done.refused} replies were refusals: {job.requests}")
        return done


class Lines:
    """A process that answers each line with one."""

    def __init__(self, stack: ExitStack, module: str, *arguments: str) -> None:
        command = [sys.executable, "-m", module, *arguments]
        self._popen = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        stack.callback(_end, self._popen)

    def ask(self, question: msgspec.Struct) -> Measured:
        into, out = cast("IO[bytes]", self._popen.stdin), cast("IO[bytes]", self._popen.stdout)
        into.write(msgspec.json.encode(question) + b"\n")
        into.flush()
        return msgspec.json.decode(out.readline(), type=Measured)


class Direct:
    """The store without a server in front of it."""

    def __init__(self, stack: ExitStack, home: Path, provider: str) -> None:
        self._lines = Lines(stack, "bench.direct", str(configured(home, provider, new_key(os.urandom))))
        self._lines.ask(Task("fill", 1, 0))

    def measure(self, operation: str, connections: int, seconds: float) -> Measured:
        return self._lines.ask(Task("search" if operation == "search" else "add", connections, seconds))


class Served:
    """A server, with the requests prepared for it."""

    def __init__(self, started: Started, loader: Loader, port: int, requests: dict[str, Path]) -> None:
        self._popen, self._log = started
        self._loader, self._port = loader, port
        self.requests = requests

    def measure(self, operation: str, connections: int, seconds: float) -> Measured:
        return self._loader.run(Job(self._port, self._popen.pid, str(self.requests[operation]), connections, seconds))

    def until(self, attempt: Callable[[], Any], seconds: float = 30) -> None:
        """Tries until it works, or raises what it last failed with; at once where the process is gone."""
        end = time.monotonic() + seconds
        while True:
            try:
                attempt()
            except OSError:
                if self._popen.poll() is not None:
                    log = self._log.read_text(errors="replace")
                    raise RuntimeError(f"ended with {self._popen.returncode}: {log[-2000:]}") from None
                if time.monotonic() > end:
                    raise
                time.sleep(0.05)
            else:
                return


class Gateway(Served):
    """A gateway that holds what will be read, and what it answered once."""

    def __init__(self, stack: ExitStack, loader: Loader, home: Path, provider: str) -> None:
        key, port = new_key(os.urandom), free_port()
        command = ("gateway", "serve", str(configured(home, provider, key)), "--port", str(port))
        super().__init__(logged(stack, home / "log", *command), loader, port, {})
        ask = asker(port, {"Authorization": f"Bearer {key.text}", **JSON})
        self.until(lambda: ask("GET", "/health/ready"))
        items = [{"content": text, "metadata": metadata()} for text in TEXTS]
        paths: list[str] = []
        for user in SEARCHED:
            batch = ask("POST", "/v1/memories/batch", {"user_id": user, "memories": items})
            paths += [f"/v1/memories/{each['id']}?user_id={user}" for each in json.loads(batch)["results"]]
        adds = [{"user_id": f"u{n % 64}", "content": text, "metadata": metadata()} for n, text in enumerate(TEXTS)]
        searches = [{"user_id": SEARCHED[n % len(SEARCHED)], "query": query} for n, query in enumerate(QUERIES)]
        head = f"Host: 127.0.0.1:{port}\r\nAuthorization: Bearer {key.text}\r\n"
        self.requests = {
            name: _kept(home / name, [_request(head, *each) for each in made])
            for name, made in {
                "add": [("POST", "/v1/memories", body) for body in adds],
                "get": [("GET", path, None) for path in paths],
                "search": [("POST", "/v1/memories/search", body) for body in searches],
            }.items()
        }
        self.replies = Replies(
            add=ask("POST", "/v1/memories", adds[0]),
            get=ask("GET", paths[0]),
            search=ask("POST", "/v1/memories/search", searches[0]),
        )


class Bare(Served):
    """The bare handlers, asked the same and answering the same as a gateway."""

    def __init__(self, stack: ExitStack, loader: Loader, home: Path, like: Gateway) -> None:
        port, file = free_port(), home / "replies"
        file.write_bytes(msgspec.msgpack.encode(like.replies))
        super().__init__(logged(stack, home / "bare", "bench.bare", str(port), str(file)), loader, port, like.requests)
        ask = asker(port, JSON)
        got = json.loads(like.replies.get)
        path = f"/v1/memories/{got['id']}?user_id={got['user_id']}"
        self.until(lambda: ask("GET", path))
        if ask("GET", path) != like.replies.get:
            raise RuntimeError("the bare handler does not answer the same bytes")


def configured(home: Path, provider: str, key: NewKey) -> Path:
    home.mkdir(parents=True)
    file = home / "gateway.yaml"
    file.write_text(CONFIG.format(provider=provider, hash=key.hash))
    return file


def logged(stack: ExitStack, log: Path, *command: str) -> Started:
    """A server, and the file it writes its log into."""
    errors = stack.enter_context(log.open("wb"))
    popen = subprocess.Popen([sys.executable, "-m", *command], cwd=ROOT, stdout=errors, stderr=errors)
    stack.callback(_end, popen)
    return popen, log


def _end(popen: subprocess.Popen[bytes]) -> None:
    popen.terminate()
    with suppress(subprocess.TimeoutExpired):
        popen.wait(10)
        return
    popen.kill()
    popen.wait()


def asker(port: int, headers: dict[str, str]) -> Callable[..., bytes]:
    def ask(method: str, path: str, body: Any = None) -> bytes:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        connection.request(method, path, None if body is None else json.dumps(body), headers)
        reply = connection.getresponse()
        content = reply.read()
        connection.close()
        if reply.status >= 300:
            raise RuntimeError(f"{method} {path}: {reply.status} {content[:500]!r}")
        return content

    return ask


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _request(head: str, method: str, path: str, body: Any) -> bytes:
    if body is None:
        return f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode()
    content = json.dumps(body).encode()
    more = f"Content-Type: application/json\r\nContent-Length: {len(content)}\r\n"
    return f"{method} {path} HTTP/1.1\r\n{head}{more}\r\n".encode() + content


def _kept(file: Path, requests: list[bytes]) -> Path:
    file.write_bytes(msgspec.msgpack.encode(requests))
    return file
