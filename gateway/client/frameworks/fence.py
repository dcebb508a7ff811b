"""Fence: a memory for `Agent`, `ChatAgent` and `BedrockAgent` whose messages are a session of a gateway.

Needs the extra `fence`. Blocks, as Fence does. A memory is never false, however empty: Fence would replace it.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any, Final, SupportsIndex, cast
from uuid import uuid4

from fence.memory.base import BaseMemory  # pyright: ignore[reportMissingTypeStubs] - it has annotations, no stubs
from fence.templates.models import (  # pyright: ignore[reportMissingTypeStubs] - the same
    Content,
    Message,
    TextContent,
)
from pydantic import TypeAdapter

from gateway.client import Gateway, NotFound, replies

_CONTENT: Final[TypeAdapter[Any]] = TypeAdapter(Content)
_SPOKEN: Final = ("user", "assistant")


class GatewayMemory(BaseMemory):
    """Messages are kept by the gateway and read anew each time, so all who name the session see one conversation.

    The system prompt is this object's own, for every agent sets one; with `share_system` it is the session's. A prefill
    is kept once for a session, however often agents add it; `prefill_once=False` keeps each. With `max_tokens` an agent
    is shown the newest messages that fit, with `newest` at most so many; else all that the session holds.
    """

    def __init__(
        self,
        gateway: Gateway,
        session_id: str | None = None,
        *,
        user_id: str | None = None,
        share_system: bool = False,
        prefill_once: bool = True,
        max_tokens: int | None = None,
        newest: int | None = None,
    ) -> None:
        self._gateway = gateway if user_id is None else gateway.user(user_id)
        self.session_id = session_id or str(uuid4())
        self._share_system = share_system
        self._prefill_once = prefill_once
        self._max_tokens = max_tokens
        self._newest = newest
        self._system: str | None = None
        self._prefill: str | None = None
        self._last_role = ""

    def __bool__(self) -> bool:
        return True

    @property
    def messages(self) -> "Messages":
        """What `Agent` counts and takes the oldest from: what is done to this list is done to the session."""
        return self.get_messages()

    def add_message(self, role: str, content: str | Content, meta: Mapping[str, Any] | None = None) -> None:
        """`meta` is kept with the message as its metadata."""
        if role == "system":
            self.set_system_message(content if isinstance(content, str) else _text(content))
            return
        if role not in _SPOKEN:
            raise ValueError(f"Role must be 'system', 'user', or 'assistant'. Got {role}")
        packed = _packed(content)
        message = {"role": role, "content": packed, **({"metadata": dict(meta)} if meta else {})}
        key = self._prefill_key(packed) if self._is_prefill(role, packed) else None
        self._gateway.sessions.append(self.session_id, message, idempotency_key=key)
        self._last_role = role

    def add_messages(self, messages: Sequence[Message]) -> None:
        """All in one request, every block of each a message of its own."""
        packed = [
            {"role": each.role, "content": _packed(block)}
            for each in messages
            for block in (each.content if isinstance(each.content, list) else [each.content])
        ]
        if packed:
            self._gateway.sessions.append(self.session_id, packed)
            self._last_role = messages[-1].role

    def get_messages(self) -> "Messages":  # pyright: ignore[reportIncompatibleMethodOverride] - theirs has no annotation
        shown = (_shown(each) for each in self._read() if each.role != "system")
        return Messages(shown, self)

    def set_system_message(self, content: str) -> None:
        self._system = content
        if self._share_system:
            self._gateway.sessions.set_system(self.session_id, content)

    def get_system_message(self) -> str | None:  # pyright: ignore[reportIncompatibleMethodOverride] - the same
        if not self._share_system:
            return self._system
        try:
            return str(self._gateway.sessions.system(self.session_id).system.content)
        except NotFound:
            return None

    def clear(self) -> None:
        """Removes the messages; the system prompt stays."""
        self._gateway.sessions.clear(self.session_id)

    def trim(self, keep: int) -> None:
        """Removes all but the newest `keep` messages."""
        self._gateway.sessions.trim(self.session_id, keep=keep)

    def _read(self) -> Sequence[replies.Message]:
        if self._max_tokens is not None:
            return self._gateway.sessions.context(self.session_id, max_tokens=self._max_tokens).messages
        found: list[replies.Message] = []
        cursor: str | None = None
        while self._newest is None or len(found) < self._newest:
            wanted = None if self._newest is None else self._newest - len(found)
            page = self._gateway.sessions.history(self.session_id, limit=wanted, cursor=cursor)
            found = [*page.messages, *found]
            cursor = page.cursor
            if cursor is None:
                break
        return found

    def _is_prefill(self, role: str, content: Any) -> bool:
        """An assistant that speaks before anybody has, or says that again where it was not asked."""
        if not self._prefill_once or role != "assistant" or not isinstance(content, str) or self._last_role == "user":
            return False
        if self._last_role == "":
            self._prefill = content
        return content == self._prefill

    def _prefill_key(self, content: str) -> str:
        named = json.dumps([self.session_id, content]).encode()
        return f"prefill:{hashlib.sha256(named).hexdigest()}"


class Messages(list[Message]):
    """What a session holds now. Taking the oldest out, or all, takes them out of the session too."""

    def __init__(self, messages: Any, memory: GatewayMemory) -> None:
        super().__init__(messages)
        self._memory = memory

    def pop(self, index: SupportsIndex = -1, /) -> Message:
        """Only the oldest can be taken out of the session; of others this list alone knows."""
        taken = super().pop(index)
        if int(index) == 0:
            self._memory.trim(len(self))
        return taken

    def clear(self) -> None:
        super().clear()
        self._memory.clear()


def _packed(content: str | Content) -> Any:
    """Text as text, so that everybody can read it; any other block as the one part of a list."""
    if isinstance(content, str):
        return content
    if isinstance(content, TextContent):
        return content.text
    block: dict[str, Any] = _CONTENT.dump_python(content, by_alias=True)
    if block["type"] == "image":  # a source is made of one thing only; the rest follows from it
        source = block["source"]
        block["source"] = {"type": source["type"], "media_type": source["media_type"], "data": source["data"]}
    return [json.loads(json.dumps(block, default=str))]


def _shown(message: replies.Message) -> Message:
    role = "assistant" if message.role == "assistant" else "user"
    content = message.content
    parts: list[Any] = cast("list[Any]", content) if isinstance(content, list) else [content]
    return Message(role=role, content=[_block(part) for part in parts])


def _block(part: Any) -> Any:
    """A part as Fence has it. What another framework said in a way that Fence does not know is shown as its JSON."""
    if isinstance(part, str):
        return TextContent(text=part)
    try:
        return _CONTENT.validate_python(part)
    except ValueError:
        return TextContent(text="" if part is None else json.dumps(part))


def _text(content: Any) -> str:
    return str(getattr(content, "text", content))
