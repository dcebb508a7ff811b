"""How records are shown. The shapes that the native API publishes, and that other faces translate from."""

from datetime import datetime
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from gateway.domain.record import Record
from gateway.retrieval.ask import Ranked


class Memory(msgspec.Struct, frozen=True, kw_only=True):
    """A memory as it is kept. `content` is the client's own: text, or the JSON it sent."""

    id: str
    content: Any
    metadata: dict[str, Any]
    user_id: str | None
    agent_id: str | None
    run_id: str | None
    role: str | None
    created_at: datetime
    updated_at: datetime
    expires_at: datetime | None
    version: int
    event: str | UnsetType = UNSET  # after a write: ADD, UPDATE or NONE
    replayed: bool | UnsetType = UNSET  # after a write: whether an earlier request with this key had made it


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """A memory that a search found. `score` orders; `relevance` is absolute, from 0 to 1; null where there is none."""

    id: str
    content: Any
    score: float | None
    relevance: float | None
    metadata: dict[str, Any]
    user_id: str | None
    agent_id: str | None
    run_id: str | None
    role: str | None
    created_at: datetime
    updated_at: datetime
    parts: dict[str, float] | UnsetType = UNSET  # with explain


def content_of(record: Record) -> Any:
    return record.text if record.body is None else msgspec.Raw(record.body)


def show(record: Record, event: str | UnsetType = UNSET, *, replayed: bool | UnsetType = UNSET) -> Memory:
    scope, origin = record.scope, record.provenance
    return Memory(
        id=record.id,
        content=content_of(record),
        metadata=record.metadata,
        user_id=scope.user or origin.user or None,
        agent_id=scope.agent or origin.agent or None,
        run_id=scope.run or origin.run or None,
        role=record.role or None,
        created_at=record.created_at,
        updated_at=record.updated_at,
        expires_at=record.expires_at,
        version=record.version,
        event=event,
        replayed=replayed,
    )


def show_found(ranked: Ranked, *, explain: bool) -> Found:
    record = ranked.record
    scope, origin = record.scope, record.provenance
    return Found(
        id=record.id,
        content=content_of(record),
        score=ranked.score,
        relevance=ranked.relevance,
        metadata=record.metadata,
        user_id=scope.user or origin.user or None,
        agent_id=scope.agent or origin.agent or None,
        run_id=scope.run or origin.run or None,
        role=record.role or None,
        created_at=record.created_at,
        updated_at=record.updated_at,
        parts=dict(ranked.parts) if explain else UNSET,
    )
