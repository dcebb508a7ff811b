"""A record as the scripts are told of it. Knows no connection."""

from datetime import datetime, timedelta
from typing import Final

import msgspec

from gateway.domain.record import Kind, Record
from gateway.providers.documents import written
from gateway.providers.redis.names import SESSION, micros, place

_SLACK_MS: Final = 1_000  # the clock of the reader decides; the server removes a moment later


class Row(msgspec.Struct, frozen=True):
    id: str
    version: int
    expires: str  # microseconds, "" for never
    ms: str  # how long the server keeps it
    kind: str
    at: bytes
    json: bytes

    def arguments(self) -> tuple[str | int | bytes, ...]:
        return (self.id, self.version, self.expires, self.ms, self.kind, self.at, self.json)


def row_of(record: Record, now: datetime, ttl: timedelta | None) -> Row:
    """With a `ttl` no record lives longer; those of a session end with the session, which is renewed as a whole."""
    if ttl is not None and record.kind not in SESSION:
        ends = now + ttl
        if record.expires_at is None or ends < record.expires_at:
            record = msgspec.structs.replace(record, expires_at=ends)
    expires = ms = ""
    if record.expires_at is not None:
        expires = str(micros(record.expires_at))
        ms = str(max(0, (record.expires_at - now) // timedelta(milliseconds=1)) + _SLACK_MS)
    return Row(
        record.id, record.version, expires, ms, record.kind.value, place(record.created_at), value_of(record)
    )  # fmt: skip


def value_of(record: Record) -> bytes:
    """The record as JSON; a message also has the `timestamp` that other programs look for in one."""
    value = written(record)
    if record.kind is Kind.MESSAGE:
        value = value[:-1] + b',"timestamp":' + msgspec.json.encode(record.created_at) + b"}"
    return value
