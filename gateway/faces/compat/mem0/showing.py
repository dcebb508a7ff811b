"""Memories in the shape of mem0's items, and what of mem0's own is kept among a memory's metadata.

These keys of the metadata stand beside the metadata in an item: they can be filtered by, here and in the native API.
"""

import hashlib
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

import msgspec

from gateway.domain.errors import Invalid
from gateway.faces.compat.mem0.asking import is_list, is_object
from gateway.services.content import message_text
from gateway.services.views import Found, Memory

BESIDE: Final = ("app_id", "categories", "immutable", "timestamp", "actor_id", "feedback", "feedback_reason")
_DAY: Final = timedelta(days=1)


def item(memory: Memory | Found, only: Iterable[str] = ()) -> dict[str, Any]:
    """`only` are the names of what is asked for; none is everything."""
    text = text_of(memory.content)
    beside = {name: memory.metadata[name] for name in BESIDE if name in memory.metadata}
    shown: dict[str, Any] = {
        "id": memory.id,
        "memory": text,
        "hash": hashlib.md5(text.encode(), usedforsecurity=False).hexdigest(),
        "user_id": memory.user_id,
        "agent_id": memory.agent_id,
        "app_id": None,
        "run_id": memory.run_id,
        "session_id": memory.run_id,
        "metadata": {key: value for key, value in memory.metadata.items() if key not in beside} or None,
        "categories": [],
        "created_at": memory.created_at,
        "updated_at": memory.updated_at,
        "role": memory.role,
        **beside,
    }
    if isinstance(memory, Found):
        shown["score"] = memory.score if memory.relevance is None else memory.relevance
    else:
        shown["expiration_date"] = memory.expires_at and _last_day(memory.expires_at)
    wanted = {"id", "score", *only}
    return {name: value for name, value in shown.items() if name in wanted} if only else shown


def text_of(content: Any) -> str:
    """Text as it is; messages line by line; any other JSON as it was sent."""
    if isinstance(content, msgspec.Raw):
        content = msgspec.json.decode(content)
    if isinstance(content, str):
        return content
    if is_list(content):
        messages = [each for each in content if is_object(each) and "role" in each]
        if messages and len(messages) == len(content):
            lines = [message_text(each) for each in messages]
            several = len(lines) > 1
            return "\n".join(
                f"{each['role']}: {line}" if several else line for each, line in zip(messages, lines, strict=True)
            )
    return msgspec.json.encode(content).decode()


def end_of(day: Any) -> datetime | None:
    """When a memory of this expiration date ends: with the day, in UTC."""
    if day is None:
        return None
    try:
        return datetime.combine(date.fromisoformat(str(day)[:10]), datetime.min.time(), UTC) + _DAY
    except (ValueError, OverflowError):
        raise Invalid(
            "expiration_date is not a day such as 2030-01-31", code="bad_time", at="expiration_date"
        ) from None


def _last_day(end: datetime) -> str:
    return (end - timedelta(microseconds=1)).date().isoformat()
