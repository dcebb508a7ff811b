"""A small real server that speaks chat completions: counts its calls and can be down."""

import json
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Model:
    def __init__(self) -> None:
        self.calls: list[dict[str, Any]] = []
        self.keys: list[str] = []
        self.status = 200
        self.answer: Callable[[str], Any] = lambda prompt: f"summed up {prompt.count(chr(10))} lines"
        self.url = ""

    def prompts(self) -> list[str]:
        return [call["messages"][-1]["content"] for call in self.calls]


@contextmanager
def model() -> Generator[Model]:
    made = Model()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            assert self.path == "/v1/chat/completions"
            made.calls.append(body)
            made.keys.append(self.headers.get("authorization", ""))
            told = made.answer(body["messages"][-1]["content"])
            reply = {"choices": [{"message": {"role": "assistant", "content": told}}]}
            content = json.dumps(reply if made.status == 200 else {}).encode()
            self.send_response(made.status)
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name of the base class
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    made.url = f"http://127.0.0.1:{server.server_address[1]}/v1"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield made
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
