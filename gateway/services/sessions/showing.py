"""How messages and sessions are shown: what the client sent comes back byte for byte, beside what we know of it."""

from datetime import datetime
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from gateway.domain.record import Record
from gateway.retrieval.ask import Ranked


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """`message` is the object as the client sent it, every key and byte; `content` is its content alone."""

    id: str
    role: str
    content: Any
    created_at: datetime
    metadata: dict[str, Any]
    message: Any


class FoundMessage(Message, frozen=True, kw_only=True):
    """`score` orders; `relevance` is absolute, from 0 to 1; null where there is none."""

    session_id: str
    score: float | None
    relevance: float | None
    parts: dict[str, float] | UnsetType = UNSET  # with explain


class Session(msgspec.Struct, frozen=True, kw_only=True):
    session_id: str
    user_id: str | None
    agent_id: str | None
    metadata: dict[str, Any]
    created_at: datetime
    expires_at: datetime | None
    created: bool | UnsetType = UNSET  # after minting: false where the session was there already


class _Sent(msgspec.Struct):
    content: msgspec.Raw | UnsetType = UNSET


def show_message(record: Record) -> Message:
    return Message(**_fields(record))


def show_found_message(ranked: Ranked, *, explain: bool) -> FoundMessage:
    return FoundMessage(
        **_fields(ranked.record),
        session_id=ranked.record.scope.run,
        score=ranked.score,
        relevance=ranked.relevance,
        parts=dict(ranked.parts) if explain else UNSET,
    )


def show_session(record: Record, created: bool | UnsetType = UNSET) -> Session:
    scope, origin = record.scope, record.provenance
    return Session(
        session_id=scope.run,
        user_id=scope.user or origin.user or None,
        agent_id=scope.agent or origin.agent or None,
        metadata=record.metadata,
        created_at=record.created_at,
        expires_at=record.expires_at,
        created=created,
    )


def _fields(record: Record) -> dict[str, Any]:
    # A backend that keeps text alone gives no body: then the message is what the text says.
    body = record.body or msgspec.json.encode({"role": record.role, "content": record.text})
    sent = msgspec.json.decode(body, type=_Sent).content
    return {
        "id": record.id,
        "role": record.role,
        "content": None if sent is UNSET else sent,
        "created_at": record.created_at,
        "metadata": record.metadata,
        "message": msgspec.Raw(body),
    }
