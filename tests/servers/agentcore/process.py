"""The stand-in as a process: run as `python -m tests.servers.agentcore.process PORT FILE`."""

import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from .contract import Contract, Refused
from .store import Store


def serve(port: int, file: Path) -> None:
    contract, store, turn = Contract(), Store(file), threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def answer(self) -> None:
            raw = self.rfile.read(int(self.headers.get("content-length") or 0))
            path, _, query = self.path.partition("?")
            headers: dict[str, str] = {}
            try:
                with turn:
                    body: dict[str, Any] = json.loads(raw or b"{}")
                    operation, fields, status = contract.read(self.command, path, dict(parse_qsl(query)), body)
                    answer = store.do(operation, fields)
            except Refused as refused:
                status, answer = refused.status, {"message": refused.words}
                headers["x-amzn-ErrorType"] = refused.code
            self.reply(status, headers, answer)

        def reply(self, status: int, headers: dict[str, str], answer: dict[str, Any]) -> None:
            content = json.dumps(answer).encode()
            lines = {**headers, "content-type": "application/json", "content-length": str(len(content))}
            self.send_response(status)
            for name, value in lines.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_DELETE = do_PUT = answer  # noqa: N815 -- what the server looks for

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 -- its name there
            """Nothing: the log is for what goes wrong."""

    class Server(ThreadingHTTPServer):
        request_queue_size = 256
        daemon_threads = True

    Server(("127.0.0.1", port), Handler).serve_forever()


if __name__ == "__main__":
    serve(int(sys.argv[1]), Path(sys.argv[2]))
