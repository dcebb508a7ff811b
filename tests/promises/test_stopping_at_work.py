"""Whatever a gateway is at in the background, it ends when it is asked to: nothing there is waited for, nothing is lost."""

import contextlib
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Final

import httpx

from tests.gateways import process

GRACE: Final = 5.0
SPARE: Final = 4.0  # to begin and to end a process on a busy machine
CONFIG: Final = """
version: 1
keyrings: {{main: {{root: {{type: file, path: root.key}}, ttl: 1s}}}}
providers:
  main: {{type: sqlite, path: data/main.db, embedder: none}}
  cold: {{type: redis, url: "redis://127.0.0.1:{port}/0", embedder: none, guard: {{timeout: 60s}}}}
  copy: {{type: folder, path: data/copy, embedder: none}}
chains: {{safe: [{{provider: main, role: primary}}, {{provider: copy, role: mirror}}]}}
summarizers: {{slow: {{type: openai, model: m, url: "http://127.0.0.1:{port}/v1", api_key: "${{env:NO_KEY:-none-at-all}}"}}}}
tenants:
  acme:
    auth: {{mode: open}}
    encryption: {{keys: main, fields: [content], vectors: none}}
    routes:
      notes: {{default: true, chain: safe, retention: {{max_memories: 1, archive: cold, every: 1s}}}}
      chat:
        default: true
        kinds: [message]
        chain: safe
        session: {{summarize_after: 4, keep_messages: 1, on_overflow: summarize, summarizer: slow}}
"""


@contextlib.contextmanager
def silent() -> Generator[tuple[int, Callable[[], int]]]:
    """A server that takes calls and answers none; how many it has taken."""
    held: list[socket.socket] = []
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listening:

        def take() -> None:
            with contextlib.suppress(OSError):
                while True:
                    held.append(listening.accept()[0])

        threading.Thread(target=take, daemon=True).start()
        yield listening.getsockname()[1], lambda: len(held)
        for each in held:
            each.close()


def test_a_gateway_that_is_at_all_of_them_ends_within_its_grace(tmp_path: Path, figure: Callable[[str], None]) -> None:
    (tmp_path / "root.key").write_bytes(os.urandom(32))
    with silent() as (port, taken):
        file = tmp_path / "gateway.yaml"
        file.write_text(CONFIG.format(port=port))
        with process(file, "--lame-duck", "0", "--grace", f"{GRACE:g}") as server:
            with httpx.Client(base_url=server.url, timeout=10) as http:
                for number in range(80):
                    body = {"user_id": f"u{number % 7}", "content": f"note {number}"}
                    http.post("/v1/memories", json=body).raise_for_status()
                said = [{"role": "user", "content": f"message {number}"} for number in range(6)]
                http.post("/v1/sessions/s1/messages", json={"user_id": "ann", "messages": said}).raise_for_status()
                reply = http.delete("/v1/subjects/u1", params={"wait_seconds": 0}).json()
                assert reply["status"] == "pending"
            keys = [sys.executable, "-m", "gateway", "keys"]
            subprocess.run([*keys, "rotate", "subject", str(file), "--tenant", "acme", "--all-users"], check=True)
            rewrap = subprocess.Popen([*keys, "rewrap", str(file), "--tenant", "acme"], stderr=subprocess.DEVNULL)
            until = time.monotonic() + 10
            while taken() < 3 and time.monotonic() < until:
                time.sleep(0.1)
            assert taken() >= 2  # the summary, and the archive for a sweep or the erasure
            began = time.monotonic()
            server.popen.terminate()
            rewrap.terminate()
            code = server.popen.wait(30)
            took = time.monotonic() - began
            assert rewrap.wait(10) in (0, 1, 4, -15)
            figure(f"stopped in {took:.2f} s, with {taken()} calls that nobody answered")
            assert code in (0, -15), server.errors()[-2000:]
            assert took < GRACE + SPARE
            assert "Traceback" not in server.errors()
