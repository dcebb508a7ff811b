"""A Record as one plain JSON document and back, for providers that keep documents: readable by people and other programs.

Knows no store. What is not a document that this module wrote is Tampered, never read as missing.
"""

from datetime import datetime
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta

from gateway.domain.errors import Tampered
from gateway.domain.record import Kind, Provenance, Record
from gateway.domain.scope import Scope

_Time = Annotated[datetime, Meta(tz=True)]


class Document(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Names are those that people look for: `user_id`, `content`, `created_at`. Bytes are base64."""

    id: str
    kind: Kind
    tenant: str
    space: str
    user_id: str = ""
    agent_id: str = ""
    run_id: str = ""
    role: str = ""
    content: str
    body: bytes | None = None
    metadata: dict[str, Any]
    created_at: _Time
    updated_at: _Time
    expires_at: _Time | None = None
    version: Annotated[int, Meta(ge=1)]
    vector: bytes | None = None
    provenance: Provenance = Provenance()


_DECODER: Final = msgspec.json.Decoder(Document)


def document_of(record: Record) -> Document:
    scope = record.scope
    return Document(
        id=record.id,
        kind=record.kind,
        tenant=scope.tenant,
        space=scope.space,
        user_id=scope.user,
        agent_id=scope.agent,
        run_id=scope.run,
        role=record.role,
        content=record.text,
        body=record.body,
        metadata=record.metadata,
        created_at=record.created_at,
        updated_at=record.updated_at,
        expires_at=record.expires_at,
        version=record.version,
        vector=record.vector,
        provenance=record.provenance,
    )


def record_of(document: Document) -> Record:
    return Record(
        id=document.id,
        kind=document.kind,
        scope=Scope(document.tenant, document.space, document.user_id, document.agent_id, document.run_id),
        text=document.content,
        body=document.body,
        role=document.role,
        metadata=document.metadata,
        created_at=document.created_at,
        updated_at=document.updated_at,
        expires_at=document.expires_at,
        version=document.version,
        vector=document.vector,
        provenance=document.provenance,
    )


def written(record: Record) -> bytes:
    """The record as JSON."""
    return msgspec.json.encode(document_of(record))


def read(raw: bytes | str) -> Record:
    """The record of a JSON document; Tampered where it is none."""
    try:
        return record_of(_DECODER.decode(raw))
    except msgspec.DecodeError:
        raise Tampered("a stored document cannot be read") from None
