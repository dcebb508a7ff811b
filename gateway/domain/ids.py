"""How records get their ids and times: UUIDv7, strictly increasing within one process.

Time and randomness come in from outside. Two records made by one Mint never share a time, so (created_at, id) is the
order in which they were made.
"""

import hashlib
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final, TypeAlias

import msgspec

from gateway.domain.scope import Scope, fingerprint

Clock: TypeAlias = Callable[[], datetime]
Randomness: TypeAlias = Callable[[int], bytes]

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_TICK: Final = timedelta(microseconds=1)
_KEYED: Final = uuid.UUID("6f1a4d2e-3d0f-5c51-9a3e-2b7d0c9be0a4")


class Stamp(msgspec.Struct, frozen=True):
    id: str
    at: datetime


class Mint:
    """Makes ids. Not shared between threads."""

    def __init__(self, clock: Clock, randomness: Randomness) -> None:
        self._clock = clock
        self._randomness = randomness
        self._last = _EPOCH

    def now(self) -> datetime:
        """A time later than every one given before, even where the clock stands still or steps back."""
        at = self._clock()
        if at <= self._last:
            at = self._last + _TICK
        self._last = at
        return at

    def stamp(self) -> Stamp:
        at = self.now()
        return Stamp(uuid7(at, self._randomness(8)), at)


def uuid7(at: datetime, entropy: bytes) -> str:
    """48 bits of milliseconds, 12 of the microseconds within, 62 random: sorts as time does."""
    micros = (at - _EPOCH) // _TICK
    millis, rest = divmod(micros, 1000)
    high = (millis << 16) | 0x7000 | (rest * 4096 // 1000)
    low = (0b10 << 62) | (int.from_bytes(entropy) & ((1 << 62) - 1))
    text = f"{(high << 64) | low:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def keyed_id(*parts: str) -> str:
    """The same parts always give the same id (UUIDv8), so a repeated write lands on the first one's record."""
    digest = bytearray(hashlib.sha256(_KEYED.bytes + fingerprint(*parts)).digest()[:16])
    digest[6] = (digest[6] & 0x0F) | 0x80
    digest[8] = (digest[8] & 0x3F) | 0x80
    return str(uuid.UUID(bytes=bytes(digest)))


def slot_id(scope: Scope, what: str) -> str:
    """The id of the one record of its sort that a scope has, such as a session's system prompt."""
    return keyed_id(scope.tenant, what, scope.space, scope.user, scope.agent, scope.run)
