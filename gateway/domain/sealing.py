"""What sealing means, for those who seal records and those who keep the keys: places, subjects, keyrings.

A subject is whose key something is sealed with: a tenant's user, or "" for what belongs to no user. Knows no cipher.
"""

import struct
from collections.abc import Collection, Sequence
from enum import StrEnum
from typing import Any, Final, Protocol

import msgspec

from gateway.domain.errors import Tampered
from gateway.domain.record import Record

SEALED_CODE: Final = "tampered"


class Standing(StrEnum):
    """What can be said of a value without opening it."""

    OPENS = "opens"  # made by a key that is there
    UNKNOWN = "unknown"  # made by a key that nobody knows, or not yet
    DESTROYED = "destroyed"  # made by a key that was shredded: nobody can open it any more, as was asked for
    RETIRED = "retired"  # made by a key that was taken out of use when nothing was sealed with it
    BARE = "bare"  # was never sealed


class Sealer(Protocol):
    """The keys of one subject, open. Does no I/O."""

    @property
    def current(self) -> str:
        """The id of the key that seals."""
        ...

    def key_of(self, value: str) -> str:
        """The id of the key that made a sealed value; "" where it is none."""
        ...

    def standing(self, value: str) -> Standing: ...

    def seal(self, plain: bytes, place: bytes) -> str:
        """Text that only opens at the same place. Never the same twice."""
        ...

    def open(self, value: str, place: bytes) -> bytes:
        """Tampered for whatever was not sealed by one of these keys at this place."""
        ...

    def tokens(self, name: str, value: Any) -> Sequence[str]:
        """What equal values of one name have in common, by each key that opens; that of the current key first."""
        ...


class Turns(Protocol):
    """Vectors hidden by a secret rotation, which keeps every cosine. Obfuscation: whoever knows enough pairs undoes it."""

    def turned(self, vector: bytes) -> bytes: ...

    def back(self, vector: bytes) -> bytes: ...


class Keyring(Protocol):
    """Where sealers come from. Every call may raise Unavailable."""

    async def sealer(self, tenant: str, user: str, seen: Collection[str] = ()) -> Sealer:
        """Those of a subject, made at first use. Keys of the ids in `seen` are looked for again if they are not known."""
        ...

    async def turns(self, tenant: str, dimension: int) -> Turns: ...

    async def revision(self, tenant: str) -> bytes:
        """Differs, at the latest after the keyring's ttl, when a key of the tenant was destroyed anywhere."""
        ...


def place_of(record: Record, field: str) -> bytes:
    """Where a sealed value belongs: each part with its length before it, so that no two places are written alike.

    Without the provider, the route and all times that may change: copies stay valid wherever they are brought.
    """
    scope = record.scope
    return prefixed(
        scope.tenant, scope.space, scope.user, scope.agent, scope.run, record.id, record.kind.value, field
    )  # fmt: skip


def prefixed(*parts: str) -> bytes:
    out: list[bytes] = []
    for part in parts:
        raw = part.encode()
        out += (struct.pack(">I", len(raw)), raw)
    return b"".join(out)


def tampered() -> Tampered:
    """One error for whatever is wrong with sealed data: which part it was is nobody's business."""
    return Tampered("a sealed value does not open: it was changed, moved, or never sealed", code=SEALED_CODE)


class Destroyed(msgspec.Struct, frozen=True, kw_only=True):
    """One key that is gone for good: its id, and a fingerprint that only the key itself could have given."""

    id: str
    fingerprint: str
