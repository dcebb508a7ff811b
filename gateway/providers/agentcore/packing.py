"""A record in the forms that the service keeps: an event's payload, or text with metadata. Whole both ways.

What people and the service's own search read (text, role, kind) stands beside the whole document. A memory record's
metadata has room for some three kilobytes of it, compressed; more goes into records of its own.
"""

import base64
import zlib
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from gateway.domain.errors import Tampered
from gateway.domain.filters import All, Compare, Filter
from gateway.domain.record import Kind, Record
from gateway.domain.scope import fingerprint
from gateway.providers.documents import read, written

TEXT_LONGEST: Final = 16_000  # of a memory record
SPOKEN_LONGEST: Final = 100_000  # of a message
_VALUE_LONGEST: Final = 256
_CHUNKS: Final = 12  # of the twenty metadata fields of a memory record
_PLAIN: Final = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 ._:/=+@-")
_ROLES: Final = {"user": "USER", "assistant": "ASSISTANT", "tool": "TOOL"}
_NOTHING: Final = "(no text)"  # the service takes no empty text


class Held(msgspec.Struct, frozen=True):
    """A record and where the service has it: actor, session, event; or memory record, and the word of its further ones."""

    record: Record
    at: tuple[str, ...]


class Packed(msgspec.Struct, frozen=True):
    """A memory record's text and metadata, and the texts of further ones where the document is longer."""

    text: str
    metadata: dict[str, Any]
    more: list[str]


def key_of(tenant: str, id_: str) -> str:
    """What a record is found by."""
    return fingerprint(tenant, id_).hex()


def payload_of(record: Record) -> list[dict[str, Any]]:
    blob = {"blob": written(record).decode()}
    if not 0 < len(record.text) <= SPOKEN_LONGEST:
        return [blob]
    return [{"conversational": {"role": _ROLES.get(record.role, "OTHER"), "content": {"text": record.text}}}, blob]


def record_of_payload(payload: Sequence[Mapping[str, Any]]) -> Record | None:
    """None where the event is not of this gateway."""
    for part in payload:
        if isinstance(part.get("blob"), str):
            return read(part["blob"])
    return None


def packed(record: Record, tags: Mapping[str, str], write: str) -> Packed:
    raw = base64.b64encode(zlib.compress(written(record), 6)).decode()
    fields: dict[str, Any] = {name: {"stringValue": value} for name, value in tags.items() if value}
    fields["kind"] = {"stringValue": record.kind.value}
    if record.expires_at is not None:
        fields["expires"] = {"numberValue": record.expires_at.timestamp()}
    if len(raw) > _CHUNKS * _VALUE_LONGEST:
        more = _cut(raw, TEXT_LONGEST)
        fields["form"] = {"stringValue": f"more {len(more)} {write}"}
    else:
        more, chunks = [], _cut(raw, _VALUE_LONGEST)
        fields["form"] = {"stringValue": f"here {len(chunks)}"}
        fields |= {f"document.{n}": {"stringValue": chunk} for n, chunk in enumerate(chunks)}
    return Packed(record.text[:TEXT_LONGEST] or _NOTHING, fields, more)


def more_of(metadata: Mapping[str, Any]) -> tuple[str, int] | None:
    """By which word further texts are found, and how many there are; None where there are none."""
    form, many, *write = _form(metadata)
    return (write[0], int(many)) if form == "more" else None


def unpacked(metadata: Mapping[str, Any], more: Sequence[str] | None) -> Record:
    """The record; `more` are the further texts, None where it has none."""
    if more is None:
        _, many, *_ = _form(metadata)
        more = [metadata.get(f"document.{n}", {}).get("stringValue", "") for n in range(int(many))]
    try:
        return read(zlib.decompress(base64.b64decode("".join(more))))
    except (ValueError, zlib.error):
        raise Tampered("a stored memory record cannot be read") from None


def is_ours(metadata: Mapping[str, Any]) -> bool:
    """Whether this gateway wrote it; the service's own strategies write memory records too."""
    return "form" in metadata


def _form(metadata: Mapping[str, Any]) -> list[str]:
    return str(metadata["form"]["stringValue"]).split(" ")


def tags_of(record: Record, keys: Sequence[str]) -> dict[str, str]:
    """What the service can filter by. A value it would not take is left out: nothing equal to it is ever asked for."""
    tags = {"record": key_of(record.scope.tenant, record.id), "scope": record.scope.key().hex()}
    if fits(record.role):
        tags["role"] = record.role
    for key in keys:
        value = record.metadata.get(key)
        if isinstance(value, str) and fits(value):
            tags[f"m.{key}"] = value
    return tags


def asked(test: Filter | None, keys: Sequence[str]) -> dict[str, str]:
    """What must be equal for the filter to pass, as far as tags tell it."""
    if isinstance(test, All):
        return {name: value for part in test.parts for name, value in asked(part, keys).items()}
    if isinstance(test, Compare) and test.op == "eq" and isinstance(test.value, str) and fits(test.value):
        if test.field == "role":
            return {"role": test.value}
        if test.field is None and len(test.path) == 1 and test.path[0] in keys:
            return {f"m.{test.path[0]}": test.value}
    return {}


def fits(value: str) -> bool:
    return 0 < len(value) <= _VALUE_LONGEST and _PLAIN.issuperset(value)


def is_event(kind: Kind) -> bool:
    """What is said once and never changes its place is an event; the rest is kept as memory records."""
    return kind is Kind.MESSAGE


def _cut(text: str, size: int) -> list[str]:
    return [text[start : start + size] for start in range(0, len(text), size)]
