"""What the gateway answers: frozen structs, one for each shape of the native API. Unknown fields are passed over.

A reply to a list or a search can be walked over and counted as what it holds. `degraded` is empty unless the answer is
empty because something failed: then it is the code of the failure.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import msgspec


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


class Dropped(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    reason: str
    score: float | None = None
    relevance: float | None = None
    parts: dict[str, float] = {}


class Explained(msgspec.Struct, frozen=True, kw_only=True):
    """How an answer came about."""

    route: str
    scope: dict[str, str | None] = {}
    strategy: str
    considered: int
    exhaustive: bool
    sources: list[str] = []
    faults: list[str] = []
    dropped: list[Dropped] = []


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


class CheckpointInfo(msgspec.Struct, frozen=True, kw_only=True):
    """A checkpoint without its state. `version` counts how often it was put; `bytes` is the size of the state."""

    checkpoint_id: str
    run_id: str
    step_name: str = ""
    status: str = ""
    parent_id: str | None = None
    tags: list[str] = []
    sequence: int | None = None
    metadata: dict[str, Any] = {}
    created_at: datetime
    updated_at: datetime
    expires_at: datetime | None = None
    version: int = 1
    bytes: int = 0


class PutCheckpoint(CheckpointInfo, frozen=True, kw_only=True):
    replayed: bool = False  # an earlier request with this key had put it
    event: str = ""  # SKIP or QUARANTINE where a hook has ruled so


class Checkpoint(CheckpointInfo, frozen=True, kw_only=True):
    state: Any


class Checkpoints(msgspec.Struct, frozen=True, kw_only=True):
    """A page, newest first. `cursor` leads to the next; null on the last."""

    checkpoints: list[CheckpointInfo]
    cursor: str | None = None
    degraded: str = ""

    def __iter__(self) -> Iterator[CheckpointInfo]:
        return iter(self.checkpoints)

    def __len__(self) -> int:
        return len(self.checkpoints)


class RunState(msgspec.Struct, frozen=True, kw_only=True):
    run_id: str
    status: str
    metadata: dict[str, Any] = {}
    created_at: datetime
    updated_at: datetime
    expires_at: datetime | None = None
    version: int = 1


class Stored(msgspec.Struct, frozen=True, kw_only=True):
    """How many are new or replaced; the rest were there."""

    stored: int


class Write(msgspec.Struct, frozen=True, kw_only=True):
    """`state` is what was written."""

    write_id: str
    state: Any
    created_at: datetime


class Writes(msgspec.Struct, frozen=True, kw_only=True):
    """A page, oldest first. `cursor` leads to the next; null on the last."""

    writes: list[Write]
    cursor: str | None = None

    def __iter__(self) -> Iterator[Write]:
        return iter(self.writes)

    def __len__(self) -> int:
        return len(self.writes)


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """How one provider stands: `deleted`, `pending` (and `reason`), or `vendor-attested`. Counts are by kind."""

    provider: str
    type: str
    method: str = "pending"
    before: dict[str, int] = {}
    after: dict[str, int] = {}
    verified_at: datetime | None = None
    reason: str = ""


class Erasure(msgspec.Struct, frozen=True, kw_only=True):
    """How far an erasure is: pending or done. `receipt` says the same, signed."""

    id: str
    status: str
    deleted: int
    deleted_memories: int = 0
    deleted_sessions: int = 0
    deleted_messages: int = 0
    deleted_checkpoints: int = 0
    kinds: dict[str, int] = {}
    refuse_new: bool = False
    began_at: datetime
    done_at: datetime | None = None
    targets: list[Target] = []
    keys: list[str] = []
    queued: int = 0
    uncovered: list[str] = []
    receipt: Any = None


class Exported(msgspec.Struct, frozen=True, kw_only=True):
    """One kept thing with all of it but its vector."""

    kind: str
    id: str
    route: str
    space: str
    user_id: str | None = None
    agent_id: str | None = None
    run_id: str | None = None
    role: str | None = None
    content: Any
    metadata: dict[str, Any] = {}
    created_at: datetime
    updated_at: datetime
    expires_at: datetime | None = None
    version: int = 1


class ExportPage(msgspec.Struct, frozen=True, kw_only=True):
    """`cursor` leads to the next; null on the last."""

    records: list[Exported]
    cursor: str | None = None

    def __iter__(self) -> Iterator[Exported]:
        return iter(self.records)

    def __len__(self) -> int:
        return len(self.records)
