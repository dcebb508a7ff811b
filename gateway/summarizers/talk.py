"""What a summariser is told, and what it must offer."""

from collections.abc import Sequence
from contextlib import AsyncExitStack
from datetime import datetime
from typing import Any, ClassVar, Protocol

import msgspec


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One message. `message` is the whole object as its client wrote it."""

    role: str
    content: str
    created_at: datetime
    metadata: dict[str, Any] = {}
    message: dict[str, Any] = {}


class Talk(msgspec.Struct, frozen=True, kw_only=True):
    """Part of a conversation, oldest first. `before` is the summary of what was said earlier, "" for none."""

    lines: Sequence[Line]
    before: str = ""

    def text(self) -> str:
        """One line for each message, `role: content`."""
        return "\n".join(f"{line.role}: {line.content}" for line in self.lines)


class Summarizer(Protocol):
    """`type_name` is its `type:` in YAML, `Options` the struct of its keys there. Constructors do no I/O."""

    type_name: ClassVar[str]
    Options: ClassVar[type[Any]]

    async def open(self, stack: AsyncExitStack) -> None: ...

    async def summarize(self, talk: Talk) -> str:
        """A text that says what matters of `before` and the lines. Unavailable, or an Invalid talk."""
        ...
