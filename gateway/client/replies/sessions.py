"""What is answered about sessions and their messages."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import msgspec

from gateway.client.replies.explained import Explained


class Session(msgspec.Struct, frozen=True, kw_only=True):
    session_id: str
    user_id: str | None = None
    agent_id: str | None = None
    metadata: dict[str, Any] = {}
    created_at: datetime
    expires_at: datetime | None = None
    created: bool = True  # after minting: false where the session was there already


class Sessions(msgspec.Struct, frozen=True, kw_only=True):
    """A page. `cursor` leads to the next; null on the last."""

    sessions: list[Session]
    cursor: str | None = None
    degraded: str = ""

    def __iter__(self) -> Iterator[Session]:
        return iter(self.sessions)

    def __len__(self) -> int:
        return len(self.sessions)


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """`message` is the whole object that was sent, with every key it had; `content` is its content alone."""

    id: str
    role: str
    content: Any
    created_at: datetime
    metadata: dict[str, Any] = {}
    message: Any


class FoundMessage(Message, frozen=True, kw_only=True):
    session_id: str
    score: float | None = None
    relevance: float | None = None
    parts: dict[str, float] = {}  # with explain


class Placed(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    role: str
    created_at: datetime
    event: str = ""  # SKIP or QUARANTINE where a hook has ruled so


class Appended(msgspec.Struct, frozen=True, kw_only=True):
    """One entry for each message, in the order given. `replayed`: an earlier request with this key had made them."""

    session_id: str
    messages: list[Placed]
    replayed: bool = False


class History(msgspec.Struct, frozen=True, kw_only=True):
    """In their order, oldest first. `cursor` leads to those before; null where there are none."""

    session_id: str
    messages: list[Message]
    cursor: str | None = None
    degraded: str = ""

    def __iter__(self) -> Iterator[Message]:
        return iter(self.messages)

    def __len__(self) -> int:
        return len(self.messages)


class Window(msgspec.Struct, frozen=True, kw_only=True):
    """The newest messages that fit into `max_tokens`, never beginning with the result of a tool nobody called."""

    session_id: str
    messages: list[Message]
    tokens: int
    max_tokens: int
    account: str = ""  # what the backend itself says of the session, where it says something
    degraded: str = ""

    def __iter__(self) -> Iterator[Message]:
        return iter(self.messages)

    def __len__(self) -> int:
        return len(self.messages)


class FoundMessages(msgspec.Struct, frozen=True, kw_only=True):
    session_id: str
    results: list[FoundMessage]
    truncated: bool = False
    explain: Explained | None = None
    degraded: str = ""

    def __iter__(self) -> Iterator[FoundMessage]:
        return iter(self.results)

    def __len__(self) -> int:
        return len(self.results)


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    session_id: str
    summary: str
    by: str  # backend, gateway, or extract while the summariser is away


class Stats(msgspec.Struct, frozen=True, kw_only=True):
    session_id: str
    messages: int
    tokens: int
    bytes: int
    first_at: datetime | None = None
    last_at: datetime | None = None


class System(msgspec.Struct, frozen=True, kw_only=True):
    session_id: str
    system: Message
    event: str = ""  # SKIP or QUARANTINE where a hook has ruled so
