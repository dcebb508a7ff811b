"""A Record as a row and back. What cannot be a row that this module wrote is Tampered, never read as missing."""

from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec

from gateway.domain.errors import Tampered
from gateway.domain.record import Kind, Provenance, Record
from gateway.domain.scope import Scope

COLUMNS: Final = (
    "id", "kind", "role", "created", "updated", "expires", "version", "metadata", "provenance", "text", "body", "vector",
)  # fmt: skip
STORED: Final = ("seq", "scope", "tenant", "size", "words", *COLUMNS)
SELECTED: Final = ", ".join(f"r.{name}" for name in COLUMNS)
PLACED: Final = "s.tenant, s.space, s.user, s.agent, s.run"

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_TICK: Final = timedelta(microseconds=1)
_KINDS: Final = {kind.value: kind for kind in Kind}
_METADATA: Final = msgspec.json.Decoder(dict[str, Any])
_PROVENANCE: Final = msgspec.json.Decoder(Provenance)
_NOWHERE: Final = Provenance()


def columns(*, vectors: bool, bodies: bool) -> str:
    """What is selected of a record, with NULL for the large parts that nobody asked for."""
    selected = SELECTED if vectors else SELECTED.replace("r.vector", "NULL")
    return selected if bodies else selected.replace("r.body", "NULL")


def micros(at: datetime) -> int:
    """Microseconds since 1970, exactly."""
    return (at - _EPOCH) // _TICK


def row_of(record: Record, seq: int, scope: int, words: int) -> tuple[Any, ...]:
    """The values of STORED, in order."""
    expires = None if record.expires_at is None else micros(record.expires_at)
    metadata = msgspec.json.encode(record.metadata).decode() if record.metadata else "{}"
    provenance = msgspec.json.encode(record.provenance).decode()
    return (
        seq, scope, record.scope.tenant, record.size(), words,
        record.id, record.kind.value, record.role, micros(record.created_at), micros(record.updated_at), expires,
        record.version, metadata, provenance, record.text, record.body, record.vector,
    )  # fmt: skip


def record_of(row: tuple[Any, ...], scope: Scope) -> Record:
    """The record of a row whose first values are COLUMNS."""
    id_, kind, role, created, updated, expires, version, metadata, provenance, text, body, vector = row[:12]
    if not (
        type(id_) is str and type(role) is str and type(text) is str and type(version) is int and version > 0
        and (body is None or type(body) is bytes) and (vector is None or type(vector) is bytes)
    ):  # fmt: skip
        raise Tampered("a stored record holds values of wrong types")
    try:
        return Record(
            id=id_,
            kind=_KINDS[kind],
            scope=scope,
            text=text,
            body=body,
            role=role,
            metadata={} if metadata == "{}" else _METADATA.decode(metadata),
            created_at=_EPOCH + timedelta(microseconds=created),
            updated_at=_EPOCH + timedelta(microseconds=updated),
            expires_at=None if expires is None else _EPOCH + timedelta(microseconds=expires),
            version=version,
            vector=vector,
            provenance=_NOWHERE if provenance == "{}" else _PROVENANCE.decode(provenance),
        )
    except (KeyError, TypeError, ValueError, OverflowError):  # msgspec's errors are ValueErrors
        raise Tampered("a stored record cannot be read") from None
