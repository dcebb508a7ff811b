"""What a working memory has beside its messages, as the session's system message keeps it.

Its `content` is what a model is to read: system messages, and the context (a summary of what was said before). What no
model reads stands beside that, under `agent_memory`: sealed, screened and erased with the message. Knows no request.
"""

from collections.abc import Sequence
from typing import Any, Final

import msgspec
from msgspec import UNSET, UnsetType

_OURS: Final = "agent_memory"


class Beside(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`systems` are system messages, each with its place among all messages."""

    context: str | None = None
    data: dict[str, Any] = {}
    memories: list[dict[str, Any]] = []
    systems: list[tuple[int, dict[str, Any]]] = []
    ttl_seconds: float | None = None
    strategy: dict[str, Any] | None = None


def kept(beside: Beside) -> msgspec.Raw | UnsetType:
    """The system message; none where there is nothing to keep."""
    if beside == Beside():
        return UNSET
    texts = [*(str(message.get("content", "")) for _, message in beside.systems), beside.context or ""]
    message: dict[str, Any] = {"role": "system", "content": "\n\n".join(filter(None, texts))}
    if beside != Beside(context=beside.context):
        message[_OURS] = msgspec.to_builtins(beside)
    return msgspec.Raw(msgspec.json.encode(message))


def read(message: Any) -> Beside:
    """Of a system message that somebody else has set, its content is the context."""
    whole = msgspec.json.decode(message) if isinstance(message, msgspec.Raw) else message
    found = whole.get(_OURS)
    if found is not None:
        return msgspec.convert(found, Beside)
    content = whole.get("content")
    return Beside(context=content if isinstance(content, str) and content else None)


def split(messages: Sequence[dict[str, Any]]) -> tuple[list[dict[str, Any]], list[tuple[int, dict[str, Any]]]]:
    """What is said, and system messages with their places."""
    said = [each for each in messages if each["role"] != "system"]
    return said, [(at, each) for at, each in enumerate(messages) if each["role"] == "system"]


def joined(said: Sequence[dict[str, Any]], systems: Sequence[tuple[int, dict[str, Any]]]) -> list[dict[str, Any]]:
    """`split`, undone."""
    messages = list(said)
    for at, each in systems:
        messages.insert(at, each)
    return messages
