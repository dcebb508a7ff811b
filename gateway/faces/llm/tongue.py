"""What the flow must know of an API of language models, and nothing more."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import msgspec

from gateway.domain.errors import GatewayError
from gateway.faces.http.exchange import Face, Reply

Body: TypeAlias = dict[str, Any]


class Said(msgspec.Struct, frozen=True):
    role: str  # user or assistant; what tools and systems say is nobody's to remember
    text: str


class Tongue(msgspec.Struct, frozen=True, kw_only=True):
    """`said`: the conversation so far, texts only. `texts`: every text in it, whoever said it. `told`: the body with a
    block of memories added; (body, block, late, in_system). `heard`: the text of a reply, from its bytes, for one that
    streamed and one that did not. `user` and `session`: what the body itself names, or ""."""

    name: str
    face: Face
    path: str
    said: Callable[[Body], Sequence[Said]]
    texts: Callable[[Body], Sequence[str]]
    told: Callable[[Body, str, bool, bool], Body]
    heard: Callable[[bytes, bool], str]
    user: Callable[[Body], str]
    session: Callable[[Body], str]
    failed: Callable[[GatewayError, str], Reply]


def text_of(content: Any) -> str:
    """The text of a message's content, which is a text or a list of parts."""
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        return ""
    parts: list[Any] = content  # type: ignore[assignment]  # what a client sent
    return "\n".join(
        part["text"]
        for part in parts
        if isinstance(part, dict) and isinstance(part.get("text"), str)  # type: ignore[redundant-cast,unused-ignore]
    )


def events(raw: bytes) -> list[Body]:
    """The JSON of each event of a stream; what is none is left out."""
    found: list[Body] = []
    for line in raw.replace(b"\r\n", b"\n").split(b"\n"):
        if line.startswith(b"data:"):
            found += json_of(line[5:])
    return found


def json_of(raw: bytes) -> list[Body]:
    """The object, alone in a list; nothing where it is none."""
    try:
        value = msgspec.json.decode(raw)
    except (msgspec.DecodeError, RecursionError):
        return []
    return [value] if isinstance(value, dict) else []


def items(body: Mapping[str, Any], name: str) -> list[Body]:
    """The objects in a list of the body."""
    value = body.get(name)
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []  # type: ignore[misc]


def text_at(body: Mapping[str, Any], *path: str) -> str:
    """The text at a path, "" where there is none."""
    value: Any = body
    for step in path:
        if not isinstance(value, dict):
            return ""
        value = value.get(step)  # type: ignore[union-attr]
    return value if isinstance(value, str) else ""
