"""HTTP by hand: what no client library would send, byte for byte."""

import contextlib
import json
import socket
from typing import Any

import msgspec


class Reply(msgspec.Struct, frozen=True):
    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


def connect(port: int, timeout: float = 15) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout)


def request(
    method: str | bytes, target: str | bytes, body: bytes = b"", headers: dict[str, str | bytes] | None = None
) -> bytes:
    """A whole request. `headers` replace those it would have."""
    own: dict[str, str | bytes] = {"Host": "gateway.test", "Connection": "close"}
    if body:
        own |= {"Content-Type": "application/json", "Content-Length": str(len(body))}
    lines = [_raw(method) + b" " + _raw(target) + b" HTTP/1.1"]
    lines += [_raw(name) + b": " + _raw(value) for name, value in {**own, **(headers or {})}.items()]
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


def _raw(text: str | bytes) -> bytes:
    return text.encode() if isinstance(text, str) else text


def send(port: int, data: bytes) -> Reply:
    """Sends it, even where the server has answered before it was all sent, and reads the reply."""
    with connect(port) as wire:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # refused early: the reply can be read
            wire.sendall(data)
        return read(wire, bodied=not data.startswith(b"HEAD"))


def read(wire: socket.socket, *, bodied: bool = True) -> Reply:
    """One reply; fails where the server closes without one, or says nothing until the time is out."""
    data = b""
    while b"\r\n\r\n" not in data:
        data += _more(wire)
    head, _, body = data.partition(b"\r\n\r\n")
    status, *lines = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    while bodied and len(body) < int(headers.get("content-length", "0")):
        body += _more(wire)
    return Reply(int(status.split(" ", 2)[1]), headers, body)


def _more(wire: socket.socket) -> bytes:
    chunk = wire.recv(65536)
    assert chunk, "closed without a reply"
    return chunk
