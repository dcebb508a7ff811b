"""What is answered about memories."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import msgspec

from gateway.client.replies.explained import Explained


class Memory(msgspec.Struct, frozen=True, kw_only=True):
    """`content` is what was sent: text, a list of messages, or any JSON."""

    id: str
    content: Any
    metadata: dict[str, Any] = {}
    user_id: str | None = None
    agent_id: str | None = None
    run_id: str | None = None
    role: str | None = None
    created_at: datetime
    updated_at: datetime
    expires_at: datetime | None = None
    version: int = 1
    event: str = ""  # after a write: ADD, UPDATE, NONE, or SKIP or QUARANTINE where a hook has ruled so
    replayed: bool = False  # after a write: an earlier request with this key had made it


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one item of a batch: ADD with its id, or ERROR with a code."""

    event: str
    id: str | None = None
    replayed: bool = False
    code: str | None = None
    detail: str | None = None


class AddedBatch(msgspec.Struct, frozen=True, kw_only=True):
    results: list[Outcome]


class Lesson(msgspec.Struct, frozen=True, kw_only=True):
    """What a backend made of what it heard. NONE: nothing new in it."""

    id: str
    content: str
    event: str


class Extraction(msgspec.Struct, frozen=True, kw_only=True):
    results: list[Lesson]


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """`score` orders; `relevance` is absolute, from 0 to 1; both null where the strategy has none."""

    id: str
    content: Any
    score: float | None = None
    relevance: float | None = None
    metadata: dict[str, Any] = {}
    user_id: str | None = None
    agent_id: str | None = None
    run_id: str | None = None
    role: str | None = None
    created_at: datetime
    updated_at: datetime
    parts: dict[str, float] = {}  # with explain


class Results(msgspec.Struct, frozen=True, kw_only=True):
    """Best first. `truncated`: more would have qualified."""

    results: list[Found]
    truncated: bool = False
    explain: Explained | None = None
    degraded: str = ""

    def __iter__(self) -> Iterator[Found]:
        return iter(self.results)

    def __len__(self) -> int:
        return len(self.results)


class Block(msgspec.Struct, frozen=True, kw_only=True):
    """`text` is what goes into a prompt: the memories as the route's template renders them."""

    text: str
    memories: list[Found]
    truncated: bool = False
    explain: Explained | None = None
    degraded: str = ""


class Memories(msgspec.Struct, frozen=True, kw_only=True):
    """A page. `cursor` leads to the next; null on the last."""

    memories: list[Memory]
    cursor: str | None = None
    degraded: str = ""

    def __iter__(self) -> Iterator[Memory]:
        return iter(self.memories)

    def __len__(self) -> int:
        return len(self.memories)


class Removed(msgspec.Struct, frozen=True, kw_only=True):
    deleted: int
    skipped: bool = False  # true where a hook wanted nothing to be deleted


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """One step of a memory's history. Texts are null where the route does not keep them."""

    id: str
    memory_id: str
    event: str
    old: Any
    new: Any
    at: datetime


class Events(msgspec.Struct, frozen=True, kw_only=True):
    events: list[Event]

    def __iter__(self) -> Iterator[Event]:
        return iter(self.events)

    def __len__(self) -> int:
        return len(self.events)
