"""What is answered about a person: how far an erasure is, and what is kept."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import msgspec


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
