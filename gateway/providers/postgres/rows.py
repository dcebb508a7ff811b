"""A Record as a row and back. What cannot be a row that this package wrote is Tampered, never read as missing.

PostgreSQL's text has no NUL, and jsonb keeps numbers as decimals: a record that would not come back as it was is kept
whole in the column `exact` beside the readable ones, and read from there.
"""

import hashlib
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final, cast

import msgspec

from gateway.domain.errors import Invalid, Tampered
from gateway.domain.record import Kind, Provenance, Record
from gateway.domain.scope import Scope
from gateway.providers import documents
from gateway.providers.terms import Terms

PLACED: Final = ("tenant", "space", "user_id", "agent_id", "run_id")
STORED: Final[tuple[tuple[str, str], ...]] = (
    ("id", "text"), ("kind", "text"), *((part, "text") for part in PLACED), ("scope", "bytea"), ("role", "text"),
    ("content", "text"), ("body", "bytea"), ("metadata", "jsonb"), ("provenance", "jsonb"), ("created_at", "timestamptz"),
    ("updated_at", "timestamptz"), ("expires_at", "timestamptz"), ("version", "bigint"), ("exact", "bytea"),
    ("size", "bigint"), ("words", "bigint"), ("terms", "text"), ("times", "text"), ("vector", "bytea"),
)  # fmt: skip
READ: Final = (
    "id", "kind", *PLACED, "role", "content", "metadata", "provenance", "created_at", "updated_at", "expires_at", "version",
    "exact", "body", "vector",
)  # fmt: skip

_MAX_INT: Final = 2**53 - 1
_WHOLE: Final = 1e15  # from here on a whole float has no decimal point in jsonb, and would come back as an integer
_LONG_TERM: Final = 60  # characters; an index entry has a largest size
_KINDS: Final = {kind.value: kind for kind in Kind}
_METADATA: Final = msgspec.json.Decoder(dict[str, Any])
_PROVENANCE: Final = msgspec.json.Decoder(Provenance)
_NOWHERE: Final = Provenance()


def faithful(value: Any) -> bool:
    """Whether the JSON value comes back from text and jsonb columns just as it is, and compares there as it does here."""
    kind = cast("Any", type(value))
    if kind is str:
        return "\0" not in value
    if kind is bool or value is None:
        return True
    if kind is int:
        return abs(value) <= _MAX_INT
    if kind is float:
        whole = value.is_integer() and (abs(value) >= _WHOLE or (value == 0 and math.copysign(1, value) < 0))
        return math.isfinite(value) and not whole
    if isinstance(value, Mapping):
        pairs = cast("Mapping[str, Any]", value)
        return all(faithful(key) and faithful(each) for key, each in pairs.items())
    if isinstance(value, Sequence) and not isinstance(value, bytes):
        return all(map(faithful, cast("Sequence[Any]", value)))
    return False


def row_of(record: Record, terms: Terms) -> list[Any]:
    """The values of STORED, in order."""
    scope, noted = record.scope, record.provenance
    if "\0" in record.id or any("\0" in part for part in _parts(scope)):
        raise Invalid("an id holds a NUL character, which the table cannot hold", code="nul")
    plain = (
        "\0" not in record.text and "\0" not in record.role and faithful(record.metadata)
        and (noted == _NOWHERE or all("\0" not in part for part in msgspec.structs.astuple(noted)))
    )  # fmt: skip
    exact = None if plain else documents.written(msgspec.structs.replace(record, body=None, vector=None))
    counted = Counter(indexed(terms.of(record.text)))
    return [
        record.id, record.kind.value, *_parts(scope), scope.key(), _shown(record.role), _shown(record.text), record.body,
        _json(record.metadata), _json(noted), record.created_at, record.updated_at, record.expires_at, record.version,
        exact, record.size(), counted.total(), " ".join(counted), " ".join(map(str, counted.values())), record.vector,
    ]  # fmt: skip


def record_of(row: Sequence[Any]) -> Record:
    """The record of a row that begins with READ; `vector` is bytes, wherever it was kept."""
    id_, kind, tenant, space, user, agent, run, role, text, metadata, provenance = row[:11]
    created, updated, expires, version, exact, body, vector = row[11:18]
    scope = Scope(tenant, space, user, agent, run)
    try:
        if exact is not None:
            whole = documents.read(exact)
            if (whole.id, whole.scope, whole.version) != (id_, scope, version):
                raise Tampered("a stored record is not the one of its row")
            return msgspec.structs.replace(whole, body=body, vector=vector)
        return Record(
            id=id_,
            kind=_KINDS[kind],
            scope=scope,
            text=text,
            body=body,
            role=role,
            metadata={} if metadata == "{}" else _METADATA.decode(metadata),
            created_at=_zoned(created),
            updated_at=_zoned(updated),
            expires_at=None if expires is None else _zoned(expires),
            version=version,
            vector=vector,
            provenance=_NOWHERE if provenance == "{}" else _PROVENANCE.decode(provenance),
        )
    except (KeyError, TypeError, ValueError):  # msgspec's errors are ValueErrors
        raise Tampered("a stored record cannot be read") from None


def indexed(terms: Sequence[str]) -> list[str]:
    """Terms as the index holds them: very long ones by their beginning and a hash."""
    return [term if len(term) <= _LONG_TERM else _shortened(term) for term in terms]


def _shortened(term: str) -> str:
    return f"{term[:20]}~{hashlib.blake2b(term.encode(), digest_size=12).hexdigest()}"


def _parts(scope: Scope) -> tuple[str, ...]:
    return (scope.tenant, scope.space, scope.user, scope.agent, scope.run)


def _zoned(at: datetime) -> datetime:
    """The driver takes the first and the last moment of the calendar for infinity, which has no zone."""
    return at if at.tzinfo is not None else at.replace(tzinfo=UTC)


def _shown(text: str) -> str:
    return text.replace("\0", "\ufffd")


def _json(value: Any) -> str:
    """For the column, where a NUL shows as U+FFFD, like in text. Another backslash before it is none."""
    raw = msgspec.json.encode(value).decode()
    return raw if "\\u0000" not in raw else msgspec.json.encode(_without_nul(msgspec.json.decode(raw))).decode()


def _without_nul(value: Any) -> Any:
    if isinstance(value, str):
        return _shown(value)
    if isinstance(value, dict):
        return {_shown(key): _without_nul(each) for key, each in cast("dict[str, Any]", value).items()}
    return [_without_nul(each) for each in cast("list[Any]", value)] if isinstance(value, list) else value
