"""Answers in agent-memory's shapes."""

from typing import Any, Final

import msgspec

from gateway.faces.http.exchange import Reply

_encode = msgspec.json.Encoder().encode
_OK: Final = "ok"


def reply(value: Any) -> Reply:
    return Reply(content=_encode(value))


def ok(words: str = "") -> Reply:
    return reply({"status": f"{_OK}, {words}" if words else _OK})
