"""A server of language models that answers as OpenAI's and Anthropic's do, in a process of its own, and says what it was
asked: `GET /asked` lists every request with its bytes.

The model repeats the last thing the user said, and everything a system told it, so that what reached it can be seen.
`pause` in the last word makes each piece of a stream wait; `fail` makes it answer 429, `break` break off.
"""

import json
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

ASKED: list[dict[str, Any]] = []
PIECES = 4


def text_of(content: Any) -> str:
    return content if isinstance(content, str) else "\n".join(part.get("text", "") for part in content or ())


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        pass

    def do_GET(self) -> None:
        if self.path in ("/asked", "/counts"):
            self.whole(200, ASKED)
        elif self.path.startswith("/v1/models"):
            self.noted(b"")
            self.whole(
                200, {"object": "list", "data": [{"id": "parrot", "object": "model", "created": 1, "owned_by": "x"}]}
            )
        else:
            self.whole(404, {})

    def do_POST(self) -> None:
        raw = self.rfile.read(int(self.headers["content-length"]))
        self.noted(raw)
        body = json.loads(raw)
        given: Any = body.get("messages") or body.get("input") or []
        if isinstance(given, str):
            given = [{"role": "user", "content": given}]
        last = next(text_of(each["content"]) for each in reversed(given) if each.get("role") == "user")
        if last.endswith("fail"):
            self.whole(
                429,
                {"error": {"message": "slow down", "type": "rate_limit_error"}, "type": "error"},
                {"retry-after": "7"},
            )
            return
        text = f"You said: {last}"
        kind = self.path.removeprefix("/v1/")
        if body.get("stream"):
            self.stream(STREAMS[kind](text), slow=last.endswith("pause"), broken=last.endswith("break"))
        else:
            self.whole(200, WHOLE[kind](text))

    def noted(self, raw: bytes) -> None:
        ASKED.append({"path": self.path, "headers": dict(self.headers), "body": raw.decode()})

    def whole(self, status: int, body: Any, headers: dict[str, str] | None = None) -> None:
        content = json.dumps(body).encode()
        self.send_response(status)
        for name, value in {
            "content-type": "application/json",
            "content-length": str(len(content)),
            **(headers or {}),
        }.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def stream(self, pieces: list[bytes], *, slow: bool, broken: bool) -> None:
        self.send_response(200)
        self.send_header("content-type", "text/event-stream; charset=utf-8")
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        for number, piece in enumerate(pieces):
            if broken and number == 2:
                self.close_connection = True
                self.connection.close()
                return
            self.wfile.write(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")
            self.wfile.flush()
            time.sleep(0.3 if slow else 0)
        self.wfile.write(b"0\r\n\r\n")


def cut(text: str) -> list[str]:
    size = max(1, len(text) // PIECES)
    return [text[at : at + size] for at in range(0, len(text), size)]


def event(data: Any, name: str = "") -> bytes:
    return (f"event: {name}\n" if name else "").encode() + b"data: " + json.dumps(data).encode() + b"\n\n"


def chat_stream(text: str) -> list[bytes]:
    base = {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "parrot"}
    deltas = [{"role": "assistant", "content": ""}, *({"content": piece} for piece in cut(text))]
    chunks = [event({**base, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]}) for delta in deltas]
    end = event({**base, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
    return [*chunks, end, b"data: [DONE]\n\n"]


def chat(text: str) -> Any:
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
    return {"id": "c1", "object": "chat.completion", "created": 1, "model": "parrot", "choices": [choice]}


def response(text: str) -> Any:
    part: dict[str, Any] = {"type": "output_text", "text": text, "annotations": []}
    message: dict[str, Any] = {
        "id": "m1",
        "type": "message",
        "role": "assistant",
        "status": "completed",
        "content": [part],
    }
    return {
        "id": "r1", "object": "response", "created_at": 1, "model": "parrot", "status": "completed", "output": [message],
        "parallel_tool_calls": False, "tool_choice": "auto", "tools": [],
    }  # fmt: skip


def response_stream(text: str) -> list[bytes]:
    deltas: list[dict[str, Any]] = [
        {"type": "response.output_text.delta", "item_id": "m1", "output_index": 0, "content_index": 0, "delta": piece,
         "sequence_number": number, "logprobs": []}
        for number, piece in enumerate(cut(text))
    ]  # fmt: skip
    end = {"type": "response.completed", "response": response(text), "sequence_number": 99}
    end_event = event(end, "response.completed")
    return [*(event(each, "response.output_text.delta") for each in deltas), end_event]


def message(text: str) -> Any:
    return {
        "id": "m1", "type": "message", "role": "assistant", "model": "parrot", "content": [{"type": "text", "text": text}],
        "stop_reason": "end_turn", "stop_sequence": None, "usage": {"input_tokens": 1, "output_tokens": 1},
    }  # fmt: skip


def message_stream(text: str) -> list[bytes]:
    start: dict[str, Any] = {"type": "message_start", "message": {**message(""), "content": [], "stop_reason": None}}
    events: list[dict[str, Any]] = [
        start,
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        *(
            {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": piece}}
            for piece in cut(text)
        ),
        {"type": "content_block_stop", "index": 0},
        {
            "type": "message_delta",
            "delta": {"stop_reason": "end_turn", "stop_sequence": None},
            "usage": {"output_tokens": 1},
        },
        {"type": "message_stop"},
    ]
    return [event(each, each["type"]) for each in events]


WHOLE = {"chat/completions": chat, "responses": response, "messages": message}
STREAMS = {"chat/completions": chat_stream, "responses": response_stream, "messages": message_stream}


def main() -> None:
    server = ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler)
    server.daemon_threads = True
    server.serve_forever()


if __name__ == "__main__":
    main()
