"""Page cursors: a position, sealed to one caller and one question.

A cursor carries an HMAC over tenant, reach, kinds and filter, so one made for another tenant, user or query is not
found, and nobody can make one up. It says nothing that the page before it did not.
"""

import base64
import hashlib
import hmac
from datetime import UTC, datetime, timedelta
from typing import Final

import msgspec

from gateway.domain.errors import NotFound
from gateway.domain.ports import Position, Where
from gateway.domain.scope import Reach

_TAG: Final = 16
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_TICK: Final = timedelta(microseconds=1)


def seal(key: bytes, position: Position, reach: Reach, where: Where) -> str:
    body = msgspec.msgpack.encode([(position.created_at - _EPOCH) // _TICK, position.id])
    return base64.urlsafe_b64encode(_tag(key, body, reach, where) + body).decode().rstrip("=")


def unseal(key: bytes, cursor: str, reach: Reach, where: Where) -> Position:
    """The position; NotFound for a cursor that was not made for this very question."""
    try:
        raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        tag, body = raw[:_TAG], raw[_TAG:]
        if hmac.compare_digest(tag, _tag(key, body, reach, where)):
            micros, id_ = msgspec.msgpack.decode(body, type=tuple[int, str])
            return Position(_EPOCH + micros * _TICK, id_)
    except (ValueError, msgspec.DecodeError):
        pass  # falls through to the one answer for every cursor that is not ours
    raise NotFound("this cursor belongs to no page here", code="bad_cursor", at="cursor")


def _tag(key: bytes, body: bytes, reach: Reach, where: Where) -> bytes:
    question = msgspec.msgpack.encode([reach, sorted(where.kinds), repr(where.filter)])
    return hmac.digest(key, len(body).to_bytes(4) + body + question, hashlib.sha256)[:_TAG]
