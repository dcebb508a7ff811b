"""Records as lines of JSON: a header, then one readable document a line. What is not such a line is refused with a reason.

A reason names keys and rules, never contents.
"""

import math
import struct
from datetime import UTC, datetime
from typing import Any, Final, Literal

import msgspec

from gateway.domain.errors import Invalid
from gateway.domain.portable import check_json, check_text, check_time
from gateway.domain.record import Kind, Record
from gateway.domain.scope import check_part
from gateway.providers.documents import Document, document_of, record_of

LONGEST: Final = 128 * 2**20  # bytes of a line
_UNIT: Final = 1e-3  # how far the length of a vector may be from 1


class Header(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The first line. `embedder` is the fingerprint of the one that made the vectors, "" where there are none."""

    format: Literal["memory-gateway-export"] = "memory-gateway-export"
    version: Literal[1] = 1
    tenant: str
    kinds: tuple[Kind, ...]
    exported_at: datetime
    embedder: str = ""
    count: int | None = None  # unknown: the lines are written as they are read


class _Line(Document, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """A misspelt key is an error, not one that is left out."""


_HEADER: Final = msgspec.json.Decoder(Header)
_LINE: Final = msgspec.json.Decoder(_Line)


def line_of(record: Record) -> bytes:
    return msgspec.json.encode(document_of(record)) + b"\n"


def header_line(header: Header) -> bytes:
    return msgspec.json.encode(header) + b"\n"


def read_header(line: bytes) -> Header:
    """Invalid where the line is no header of a version that this program knows."""
    try:
        return _HEADER.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Invalid(f"the first line is no header of an export: {error}", code="bad_header") from None


def read_line(line: bytes, tenant: str, dimension: int | None) -> Record:
    """The record of a line, with times in UTC. Invalid where it is none, or one that not every backend could hold.

    `dimension` is the length of the vectors that it may bring; None takes any.
    """
    try:
        record = record_of(_LINE.decode(line))
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Invalid(str(error), code="bad_line") from None
    if record.scope.tenant != tenant:
        raise Invalid("tenant is not that of the header", code="bad_line", at="tenant")
    _check(record, dimension)
    expires = record.expires_at
    return msgspec.structs.replace(
        record,
        created_at=check_time(record.created_at, "created_at").astimezone(UTC),
        updated_at=check_time(record.updated_at, "updated_at").astimezone(UTC),
        expires_at=None if expires is None else check_time(expires, "expires_at").astimezone(UTC),
    )


def _check(record: Record, dimension: int | None) -> None:
    scope = record.scope
    parts = {
        "id": record.id, "tenant": scope.tenant, "space": scope.space,
        "user_id": scope.user, "agent_id": scope.agent, "run_id": scope.run,
    }  # fmt: skip
    for name, value in parts.items():
        check_part(value, name)
    for name in ("id", "tenant", "space"):
        if not parts[name]:
            raise Invalid(f"{name} is empty", code="bad_line", at=name)
    check_text(record.text, "content")
    check_text(record.role, "role")
    check_json(record.metadata, "metadata")
    check_json(msgspec.to_builtins(record.provenance), "provenance")
    if record.body is not None:
        _check_body(record.body)
    if record.vector is not None:
        _check_vector(record.vector, dimension)


def _check_body(body: bytes) -> None:
    try:
        read: Any = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise Invalid("body is not JSON", code="bad_line", at="body") from None
    check_json(read, "body", numbers=False)


def _check_vector(vector: bytes, dimension: int | None) -> None:
    size, rest = divmod(len(vector), 4)
    if rest or (dimension is not None and size != dimension):
        raise Invalid(f"vector has {len(vector)} bytes, not 4 for each number", code="bad_line", at="vector")
    length = math.fsum(number * number for number in struct.unpack(f"<{size}f", vector))
    if not (length == 0 or abs(math.sqrt(length) - 1) < _UNIT):
        raise Invalid("vector is not of unit length", code="bad_line", at="vector")
