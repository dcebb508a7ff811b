"""What the envelope of a record's content holds, and how the record gets it back. Knows neither plan nor key."""

from typing import Any

import msgspec

from gateway.domain.record import Record
from gateway.domain.sealing import tampered

_replace = msgspec.structs.replace


class Content(msgspec.Struct, frozen=True, array_like=True):
    """What the envelope of a content holds. `version` is the record's when it was sealed."""

    version: int
    text: str
    body: bytes | None = None
    role: str | None = None
    vector: bytes | None = None
    fingerprint: str = ""


def filled(record: Record, content: Content) -> Record:
    if record.body is not None or record.version < content.version or record.provenance.fingerprint:
        raise tampered()
    if content.role is not None and record.role:
        raise tampered()
    return _replace(
        record,
        text=content.text,
        body=content.body,
        role=record.role if content.role is None else content.role,
        vector=record.vector if content.vector is None else content.vector,
        provenance=_replace(record.provenance, fingerprint=content.fingerprint),
    )


def decoded(raw: bytes, kind: Any) -> Any:
    try:
        return msgspec.msgpack.decode(raw, type=kind)
    except msgspec.MsgspecError:
        raise tampered() from None
