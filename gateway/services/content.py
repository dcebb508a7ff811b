"""What clients send as content, read once: plain text stays text, anything else stays their JSON, byte for byte.

Beside the bytes goes the text that can be read out of them, for search and for people.
"""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, cast

import msgspec

from gateway.domain.errors import Invalid, Malformed, TooLarge
from gateway.domain.portable import check_json, check_text

_INLINE: Final = 8_192  # bytes that are read on the loop
_MAX_TEXT: Final = 100_000  # characters read out of opaque JSON; plain text is bounded by the route's limits


class Content(msgspec.Struct, frozen=True, kw_only=True):
    text: str
    body: bytes | None = None
    role: str = ""
    metadata: dict[str, Any] = {}  # what a message carries under `metadata`


def read_content(raw: msgspec.Raw, max_bytes: int, at: str = "content") -> Content:
    """Text, a list of messages, or any other JSON."""
    value = _decoded(raw, max_bytes, at)
    if isinstance(value, str):
        if not value.strip():
            raise Invalid(f"{at} is empty", code="empty_content", at=at)
        return Content(text=value)
    if isinstance(value, list) and value and all(map(_is_message, cast("list[Any]", value))):
        messages = cast("list[dict[str, Any]]", value)
        roles = {str(each["role"]) for each in messages}
        lines = [message_text(each) for each in messages]
        if len(messages) > 1:
            lines = [f"{each['role']}: {line}" for each, line in zip(messages, lines, strict=True)]
        return Content(text="\n".join(lines), body=bytes(raw), role=roles.pop() if len(roles) == 1 else "")
    if not value:
        raise Invalid(f"{at} is empty", code="empty_content", at=at)
    return Content(text=" ".join(_strings(value))[:_MAX_TEXT], body=bytes(raw))


async def take_content(raw: msgspec.Raw, max_bytes: int, at: str = "content") -> Content:
    """`read_content`, in a thread where there is much to read."""
    if len(memoryview(raw)) <= _INLINE:
        return read_content(raw, max_bytes, at)
    return await asyncio.to_thread(read_content, raw, max_bytes, at)


def read_message(raw: msgspec.Raw, max_bytes: int, at: str = "message") -> Content:
    """One message of a session. Unknown keys are kept; `role` is needed."""
    value = _decoded(raw, max_bytes, at)
    if not _is_message(value):
        raise Invalid(f"{at} must be an object with a role", code="bad_message", at=at)
    message = cast("dict[str, Any]", value)
    metadata = message.get("metadata")
    return Content(
        text=message_text(message),
        body=bytes(raw),
        role=message["role"],
        metadata=cast("dict[str, Any]", metadata) if isinstance(metadata, dict) else {},
    )


def message_text(message: Mapping[str, Any]) -> str:
    """The readable part: the content's text, or that of its parts; empty for a bare tool call."""
    content = message.get("content")
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        return "\n".join(filter(None, map(_part_text, cast("list[Any]", content))))
    return ""


def _part_text(part: Any) -> str:
    if isinstance(part, str):
        return part
    if not isinstance(part, Mapping):
        return ""
    text = cast("Mapping[str, Any]", part).get("text")
    return text if isinstance(text, str) else ""


def _decoded(raw: msgspec.Raw, max_bytes: int, at: str) -> Any:
    size = len(memoryview(raw))
    if size > max_bytes:
        raise TooLarge(f"{at} has {size} bytes; this route takes {max_bytes}", code="content_too_large", at=at)
    try:
        value = msgspec.json.decode(raw)
    except RecursionError:
        raise Invalid(f"{at} is nested too deeply", code="too_deep", at=at) from None
    except (msgspec.DecodeError, UnicodeDecodeError):
        # The request as a whole was JSON: what is left are numbers out of range and bytes that are no text.
        raise Malformed(f"{at} holds a number out of range or text that is not UTF-8", code="bad_json", at=at) from None
    if isinstance(value, str):
        check_text(value, at)
    else:
        check_json(value, at, numbers=False)
    return value


def _is_message(value: Any) -> bool:
    return isinstance(value, dict) and isinstance(cast("dict[str, Any]", value).get("role"), str)


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for each in cast("Mapping[str, Any]", value).values():
            yield from _strings(each)
    elif isinstance(value, Sequence):
        for each in cast("Sequence[Any]", value):
            yield from _strings(each)
    elif value is not None and not isinstance(value, bool):
        yield str(value)
