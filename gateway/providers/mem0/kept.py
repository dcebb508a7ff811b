"""A Record as a memory of mem0 and back.

The text is mem0's text; everything else stands as one JSON document in the metadata, so nothing is lost or converted.
A memory without our document was made by mem0 itself, out of messages, and is a record too. Knows no client.
"""

import contextlib
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

import msgspec

from gateway.domain.errors import Tampered
from gateway.domain.record import Kind, Record
from gateway.providers.documents import read, written
from gateway.providers.mem0.naming import MARK, marks, owned_by, owner_of, spelt

BLANK: Final = "(no text)"  # mem0 keeps no memory without a text
_replace = msgspec.structs.replace


class Kept(msgspec.Struct, frozen=True):
    """A memory as mem0 tells of it. `place` is mem0's id, `owner` its `user_id`."""

    place: str
    text: str
    owner: str
    metadata: dict[str, Any]
    created_at: str = ""


class Write(msgspec.Struct, frozen=True):
    """A record to be stored, over what was there under its id."""

    record: Record
    place: str | None = None
    before: Record | None = None


def text_of(record: Record) -> str:
    return record.text if record.text.strip() else BLANK


def metadata_of(record: Record) -> dict[str, Any]:
    """Flat keys for filters, and the document. The text is in it only where mem0 might not give it back as it was."""
    risky = record.text != record.text.strip() or record.text == BLANK
    document = written(record if risky else _replace(record, text=""))
    found = {**marks(record.scope, record.kind), MARK: document.decode()}
    if record.id:
        found[f"{MARK}_id"] = spelt(record.id)
    if record.expires_at is not None:
        found[f"{MARK}_expires"] = "yes"
    return found


def last_day(record: Record) -> str | None:
    """When mem0 may hide the memory by itself: in whole days, and never before it has expired."""
    if record.expires_at is None:
        return None
    try:
        return (record.expires_at.astimezone(UTC).date() + timedelta(days=1)).isoformat()
    except OverflowError:
        return date.max.isoformat()


def record_of(kept: Kept) -> Record | None:
    """The record; None for a memory of somebody who is no scope of ours. Tampered where document and owner differ."""
    raw = kept.metadata.get(MARK)
    if not isinstance(raw, str):
        return _foreign(kept)
    record = read(raw)
    if owner_of(record.scope, record.kind) != kept.owner:
        raise Tampered("a memory in mem0 belongs to another user than its document says")
    text = record.text or ("" if kept.text == BLANK else kept.text)
    return _replace(record, id=record.id or kept.place, text=text)


def _foreign(kept: Kept) -> Record | None:
    found = owned_by(kept.owner)
    if found is None or found[1] is not Kind.MEMORY:
        return None
    at = datetime.fromtimestamp(0, UTC)
    with contextlib.suppress(ValueError):
        at = datetime.fromisoformat(kept.created_at)
    at = at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)
    return Record(
        id=kept.place, kind=Kind.MEMORY, scope=found[0], text=kept.text, created_at=at, updated_at=at,
        metadata={key: value for key, value in kept.metadata.items() if not key.startswith(MARK)},
    )  # fmt: skip


def newest_of_each(kept: Iterable[Kept]) -> dict[tuple[str, str], tuple[Kept, Record]]:
    """By tenant and id. Of several memories of one id, which only a race leaves behind, the newest counts."""
    found: dict[tuple[str, str], tuple[Kept, Record]] = {}
    for each in kept:
        record = record_of(each)
        if record is None:
            continue
        key = (record.scope.tenant, record.id)
        if key not in found or (record.version, found[key][0].place) > (found[key][1].version, each.place):
            found[key] = (each, record)
    return found
