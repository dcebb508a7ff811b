"""What is answered about runs: checkpoints, the state, the writes of a step."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import msgspec


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
