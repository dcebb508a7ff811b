"""What is known of a checkpoint beside its state, how that is kept, and how it is shown."""

from datetime import datetime
from typing import Any

import msgspec

from gateway.domain.ids import keyed_id
from gateway.domain.record import Record
from gateway.domain.scope import Scope


class Noted(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The metadata of a checkpoint's record. The client's own stands under `metadata`, so no key of it hides ours."""

    checkpoint_id: str
    step_name: str = ""
    status: str = ""
    parent_id: str | None = None
    tags: list[str] = []
    sequence: int | None = None
    metadata: dict[str, Any] = {}
    bytes: int = 0


class CheckpointInfo(msgspec.Struct, frozen=True, kw_only=True):
    """A checkpoint without its state. `version` counts how often it was put; `bytes` is the size of the state."""

    checkpoint_id: str
    run_id: str
    step_name: str
    status: str
    parent_id: str | None
    tags: list[str]
    sequence: int | None
    metadata: dict[str, Any]
    created_at: datetime
    updated_at: datetime
    expires_at: datetime | None
    version: int
    bytes: int


class Checkpoint(CheckpointInfo, frozen=True, kw_only=True):
    """`state` is the JSON that was put, byte for byte."""

    state: Any


def record_id(scope: Scope, checkpoint_id: str) -> str:
    return keyed_id(scope.tenant, "checkpoint", scope.space, scope.user, scope.agent, scope.run, checkpoint_id)


def write_id(scope: Scope, checkpoint_id: str, name: str) -> str:
    return keyed_id(scope.tenant, "write", scope.space, scope.user, scope.agent, scope.run, checkpoint_id, name)


def show_info(record: Record) -> CheckpointInfo:
    return CheckpointInfo(**_fields(record))


def show(record: Record) -> Checkpoint:
    return Checkpoint(**_fields(record), state=msgspec.Raw(record.body or b"null"))


def _fields(record: Record) -> dict[str, Any]:
    noted = msgspec.structs.asdict(msgspec.convert(record.metadata, Noted))
    return {
        **noted,
        "run_id": record.scope.run,
        "created_at": record.created_at,
        "updated_at": record.updated_at,
        "expires_at": record.expires_at,
        "version": record.version,
    }
