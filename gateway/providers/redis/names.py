"""The names of keys, and the places of records in an order. What people look for in Redis is described in docs/backends.

Owners are hashes: no id is ever part of a pattern, and a scope's keys share one hash tag, so a cluster keeps them together.
"""

import base64
from datetime import UTC, datetime, timedelta
from typing import Final

import msgspec

from gateway.domain.record import KINDS_OF, Family, Kind
from gateway.domain.scope import Scope, fingerprint

SESSION: Final = KINDS_OF[Family.MESSAGE]

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_TICK: Final = timedelta(microseconds=1)
_OFFSET: Final = 1 << 62  # keeps moments before 1970 in order


class Parts(msgspec.Struct, frozen=True, array_like=True):
    """A scope as its tenant's index shows it."""

    space: str
    user: str
    agent: str
    run: str


class Owner(msgspec.Struct, frozen=True):
    """A scope's names: `tag` stands for it everywhere, `of` for its space and user."""

    scope: Scope
    tag: str
    of: str


class Names:
    def __init__(self, prefix: str) -> None:
        self._prefix = prefix

    def owner(self, scope: Scope) -> Owner:
        return Owner(scope, _text(scope.key()), self.of(scope.tenant, scope.space, scope.user))

    def of(self, tenant: str, space: str, user: str) -> str:
        return _text(fingerprint("of", tenant, space, user))

    def base(self, tag: str) -> str:
        return f"{self._prefix}{{{tag}}}"

    def tenant(self, tenant: str) -> str:
        return f"{self._prefix}{{t.{_text(fingerprint('tenant', tenant))}}}"


def shelf_of(kind: Kind) -> str:
    return "session" if kind in SESSION else "records"


def micros(at: datetime) -> int:
    return (at - _EPOCH) // _TICK


def place(at: datetime) -> bytes:
    """Sixteen digits that sort as the moments do; with the id behind them, the order of records."""
    return b"%016x" % (micros(at) + _OFFSET)


def _text(digest: bytes) -> str:
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
