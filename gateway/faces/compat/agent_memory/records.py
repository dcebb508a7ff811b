"""Memories in the shape of the agent-memory server's records, and what of a record is kept in a memory's metadata.

These keys of the metadata can be filtered by, here and in the native API. Knows no request.
"""

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final, Literal, TypeAlias

import msgspec
from msgspec import UNSET, UnsetType

from gateway.domain.portable import check_time
from gateway.faces.compat.mem0.showing import text_of
from gateway.services.views import Found, Memory

ID: Final = "agent_memory_id"  # the client's own; ours is the memory's
SEMANTIC: Final = "semantic"
MemoryType: TypeAlias = Literal["semantic", "episodic", "message"]
_LISTS: Final = ("topics", "entities", "extracted_from")
_BESIDE: Final = (ID, "memory_type", *_LISTS, "event_date", "pinned", "extraction_strategy")


class Record(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """As a client sends it. What only the server says (hashes, when it was kept or read) is taken and means nothing."""

    id: str
    text: str
    user_id: str | None = None
    namespace: str | None = None
    session_id: str | None = None
    created_at: datetime | None = None
    memory_type: MemoryType = "message"
    topics: list[str] | None = None
    entities: list[str] | None = None
    extracted_from: list[str] | None = None
    event_date: datetime | None = None
    pinned: bool = False
    extraction_strategy: str | None = None
    extraction_strategy_config: dict[str, Any] | None = None
    metadata: dict[str, Any] | None = None
    last_accessed: datetime | None = None
    updated_at: datetime | None = None
    persisted_at: datetime | None = None
    memory_hash: str | None = None
    discrete_memory_extracted: str | None = None
    access_count: int | None = None
    id_: str | None = None


class Edit(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What stays is left out. Whose a memory is does not change."""

    text: str | None = None
    topics: list[str] | None = None
    entities: list[str] | None = None
    memory_type: MemoryType | None = None
    event_date: datetime | None = None
    pinned: bool | None = None
    user_id: str | None = None
    namespace: str | None = None
    session_id: str | None = None
    metadata: dict[str, Any] | UnsetType = UNSET


def kept(record: Record) -> dict[str, Any]:
    """As a request of a service; every key of ours is named, so that the same record sent again replaces it."""
    own = {
        ID: record.id,
        "memory_type": record.memory_type,
        "event_date": moment(record.event_date),
        "pinned": record.pinned or None,
        "extraction_strategy": record.extraction_strategy,
        **{name: getattr(record, name) or None for name in _LISTS},
    }
    return {"content": _raw(record.text), "metadata": {**(record.metadata or {}), **own}}


def edited(edit: Edit) -> dict[str, Any]:
    given: dict[str, Any] = {
        "topics": edit.topics,
        "entities": edit.entities,
        "memory_type": edit.memory_type,
        "event_date": moment(edit.event_date),
        "pinned": edit.pinned,
    }
    metadata = {name: value for name, value in given.items() if value is not None}
    if isinstance(edit.metadata, dict):
        metadata = {**edit.metadata, **metadata}
    values: dict[str, Any] = {"metadata": metadata} if metadata else {}
    return values if edit.text is None else {**values, "content": _raw(edit.text)}


def shown(memory: Memory | Found) -> dict[str, Any]:
    text, beside = text_of(memory.content), memory.metadata
    record: dict[str, Any] = {
        "id": beside.get(ID) or memory.id,
        "text": text,
        "user_id": memory.user_id,
        "namespace": memory.agent_id,
        "session_id": memory.run_id,
        "created_at": memory.created_at,
        "updated_at": memory.updated_at,
        "last_accessed": memory.updated_at,
        "persisted_at": memory.created_at,
        "memory_type": beside.get("memory_type") or SEMANTIC,
        "topics": beside.get("topics"),
        "entities": beside.get("entities"),
        "extracted_from": beside.get("extracted_from"),
        "event_date": beside.get("event_date"),
        "pinned": beside.get("pinned") or False,
        "extraction_strategy": beside.get("extraction_strategy"),
        "discrete_memory_extracted": "t",
        "memory_hash": hashlib.sha256(text.encode()).hexdigest(),
        "metadata": {key: value for key, value in beside.items() if key not in _BESIDE},
    }
    if not isinstance(memory, Found):
        return record
    near = 1.0 if memory.relevance is None else memory.relevance
    return {**record, "dist": 1.0 - near, "score": near if memory.score is None else memory.score}


def moment(value: datetime | None) -> str | None:
    """Times that compare as texts, whatever their offsets were."""
    return None if value is None else check_time(value, "event_date").astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def new_metadata(values: Mapping[str, Any]) -> dict[str, Any]:
    """Of what is kept, without what removes a key: there is none yet."""
    return {key: value for key, value in values.items() if value is not None}


def _raw(text: str) -> msgspec.Raw:
    return msgspec.Raw(msgspec.json.encode(text))
