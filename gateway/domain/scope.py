"""Who a record belongs to (Scope), and which scopes a request may touch (Reach).

Both are compared part by part, bytewise. Nothing here or below ever joins parts into one string with a
separator, or matches them by prefix, LIKE or glob: `t1` is not `t10`, `Alice` is not `alice`.
"""

import hashlib
import struct
from typing import Final, Literal, TypeAlias

import msgspec

from gateway.domain.errors import Invalid
from gateway.domain.portable import check_text

Part: TypeAlias = Literal["user", "agent", "run"]

PARTS: Final[tuple[Part, ...]] = ("user", "agent", "run")
MAX_PART_BYTES: Final = 512


class Scope(msgspec.Struct, frozen=True, order=True):
    """The owner of one record. An empty user, agent or run means the record has none."""

    tenant: str
    space: str
    user: str = ""
    agent: str = ""
    run: str = ""

    def key(self) -> bytes:
        """The scope as 32 bytes that no other scope has: each part is hashed with its length before it."""
        return fingerprint(self.tenant, self.space, self.user, self.agent, self.run)


class Reach(msgspec.Struct, frozen=True):
    """The scopes a request may touch. A part is one exact value ("" is "has none"); None is any value.

    The tenant is always exact: there is no way to write down a read across tenants.
    """

    tenant: str
    space: str | None
    user: str | None = ""
    agent: str | None = ""
    run: str | None = ""

    @classmethod
    def only(cls, scope: Scope) -> "Reach":
        return cls(scope.tenant, scope.space, scope.user, scope.agent, scope.run)

    def exact(self) -> Scope | None:
        """The one scope this reach covers, or None where it covers many."""
        if self.space is None or self.user is None or self.agent is None or self.run is None:
            return None
        return Scope(self.tenant, self.space, self.user, self.agent, self.run)

    def covers(self, scope: Scope) -> bool:
        return (
            self.tenant == scope.tenant
            and self.space in (None, scope.space)
            and self.user in (None, scope.user)
            and self.agent in (None, scope.agent)
            and self.run in (None, scope.run)
        )


class ScopeRule(msgspec.Struct, frozen=True, kw_only=True):
    """How a route makes the owner out of the parts of a request. No part is in more than one of the sets.

    `require`: must be there, owns. `allow`: owns when there. `any_of`: at least one must be there, each there owns.
    `context`: noted in the provenance, owns nothing. A part in none of them is refused.
    """

    require: frozenset[Part] = frozenset()
    allow: frozenset[Part] = frozenset()
    any_of: frozenset[Part] = frozenset()
    context: frozenset[Part] = frozenset()


def fingerprint(*parts: str) -> bytes:
    """SHA-256 over length-prefixed parts, so ("a", "bc") and ("ab", "c") differ."""
    digest = hashlib.sha256()
    for part in parts:
        raw = part.encode()
        digest.update(struct.pack(">I", len(raw)))
        digest.update(raw)
    return digest.digest()


def check_part(value: str, name: str) -> str:
    """Accept an id as it is, or refuse it: ids are never trimmed, folded or normalised."""
    check_text(value, name)
    if len(value.encode()) > MAX_PART_BYTES:
        raise Invalid(f"{name} is longer than {MAX_PART_BYTES} bytes", code="id_too_long", at=name)
    return value
