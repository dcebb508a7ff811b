"""The end of what is kept of one person, as data: what was asked for, how far it is, and what may not come back.

A Fence stands where an erasure was: what began before it has ended, what begins after it is a new life. Who was erased is
known by a keyed hash only; who keeps that key stands above.
"""

from collections.abc import Mapping, Sequence
from contextvars import ContextVar
from datetime import datetime
from enum import StrEnum
from typing import Final, Protocol

import msgspec

from gateway.domain.record import Kind, Record

# The era (see Fences) in which the request that is being served was let in; None outside of requests.
BEGAN: Final[ContextVar[int | None]] = ContextVar("began", default=None)

# Of these a request with an Idempotency-Key makes records whose ids nothing else can have.
KEYED: Final = frozenset({Kind.MEMORY, Kind.MESSAGE, Kind.CHECKPOINT})


class Fence(msgspec.Struct, frozen=True, kw_only=True):
    """`closed` while the erasure is at it: nothing may be written then. Later, what was written by `at`, or by a request
    that was let in before the `era`, has ended. With `refuse`, nothing is taken any more."""

    kinds: frozenset[Kind]
    at: datetime
    era: int
    closed: bool = False
    refuse: bool = False


class Fences(Protocol):
    @property
    def era(self) -> int:
        """Grows with each fence that this process hears of."""
        ...

    def of(self, tenant: str, user: str) -> Sequence[Fence]:
        """Those of one person: none for nearly everybody."""
        ...

    async def spent(self, tenant: str, ids: Sequence[str]) -> frozenset[str]:
        """Of these, what a request with an Idempotency-Key had made, and an erasure has ended."""
        ...


def fences_of(fences: Fences, record: Record) -> Sequence[Fence]:
    """Those that a record has to do with: of its user, and of its kind."""
    user = record.scope.user or record.provenance.user
    return [each for each in fences.of(record.scope.tenant, user) if record.kind in each.kinds] if user else ()


def has_ended(fences: Fences, record: Record) -> bool:
    """Whether an erasure has ended it, whoever has kept a copy. What was written later is a new life."""
    return any(each.closed or each.refuse or record.updated_at <= each.at for each in fences_of(fences, record))


class Method(StrEnum):
    DELETED = "deleted"  # gone, and looked for
    PENDING = "pending"  # not yet confirmed
    ATTESTED = "vendor-attested"  # somebody else's service says that it is gone


class Status(StrEnum):
    PENDING = "pending"
    DONE = "done"


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """How one provider stands. `before` and `after` count records by kind; `reason` is why it is not confirmed."""

    provider: str
    type: str
    method: Method = Method.PENDING
    before: Mapping[str, int] = {}
    after: Mapping[str, int] = {}
    verified_at: datetime | None = None
    reason: str = ""


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """How far an erasure is. `deleted` counts what there was by kind, each record once, wherever its copies were.

    `queued`: deliveries that were still owed, and are not made any more. `keys`: fingerprints of what was shredded.
    `uncovered`: in words, what nobody has looked through.
    """

    id: str
    status: Status = Status.PENDING
    kinds: tuple[Kind, ...]
    refuse_new: bool = False
    began_at: datetime
    done_at: datetime | None = None
    targets: tuple[Target, ...] = ()
    deleted: Mapping[str, int] = {}
    sessions: int = 0
    queued: int = 0
    keys: tuple[str, ...] = ()
    uncovered: tuple[str, ...] = ()
    config: str = ""
    receipt: msgspec.Raw | None = None  # the newest, signed, byte for byte


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    tenant: str
    user: str
    kinds: frozenset[Kind]
    refuse_new: bool = False


class Erasures(Protocol):
    async def erase(self, asked: Asked, wait: float) -> Standing:
        """Kept before anything is done, so it is finished in any case. Returns when it is done, or after `wait` seconds.

        The same asked again joins what is under way. Unavailable where it cannot be kept: then nothing was done.
        """
        ...

    async def standing(self, tenant: str, user: str, id_: str) -> Standing | None:
        """None where this person has no such erasure."""
        ...
