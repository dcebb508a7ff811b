"""The fences that this process knows of, for whoever writes. Nothing is read from anywhere while somebody writes.

Whoever keeps them tells what there is now; each fence gets the era in which it was first heard of, or last changed. A
person is known by a keyed hash, and nobody is hashed in a tenant without fences.
"""

import weakref
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from typing import Protocol

import msgspec

from gateway.domain.erasure import Fence
from gateway.domain.record import Kind
from gateway.receipts.signing import pseudonym

Spent = Callable[[str, Sequence[str]], Awaitable[frozenset[str]]]


class Raised(msgspec.Struct, frozen=True, kw_only=True):
    """A fence as it is kept."""

    id: str  # of its erasure
    tenant: str
    subject: str
    kinds: frozenset[Kind]
    at: datetime
    closed: bool
    refuse: bool


class Forgetful(Protocol):
    def forget_tenant(self, tenant: str) -> None:
        """Of what it has read, and keeps in memory."""
        ...


class Known:
    """`barring=False` lets everything through: it exists to show what fences prevent."""

    def __init__(self, *, barring: bool = True) -> None:
        self.barring = barring
        self._era = 0
        self._raised: dict[str, Raised] = {}
        self._eras: dict[str, int] = {}
        self._by_person: dict[str, dict[str, list[Fence]]] = {}
        self._secret = b""
        self._spent: Spent | None = None
        self._listeners: weakref.WeakSet[Forgetful] = weakref.WeakSet()

    @property
    def era(self) -> int:
        return self._era

    def of(self, tenant: str, user: str) -> Sequence[Fence]:
        persons = self._by_person.get(tenant)
        if persons is None or not self.barring:
            return ()
        return persons.get(pseudonym(self._secret, tenant, user), ())

    async def spent(self, tenant: str, ids: Sequence[str]) -> frozenset[str]:
        return frozenset() if self._spent is None else await self._spent(tenant, ids)

    def keep(self, listener: Forgetful) -> None:
        """It is told of each tenant that has a new fence, for as long as it lives."""
        self._listeners.add(listener)

    def hear(self, raised: Mapping[str, Raised], secret: bytes, spent: Spent) -> list[Raised]:
        """All that there are now; those that are new or have changed."""
        self._secret, self._spent = secret, spent
        news = [each for id_, each in raised.items() if self._raised.get(id_) != each]
        if not news and len(raised) == len(self._raised):
            return []
        self._era += 1
        for each in news:
            self._eras[each.id] = self._era
        self._raised = dict(raised)
        self._eras = {id_: self._eras[id_] for id_ in raised}
        self._by_person = {}
        for each in raised.values():
            fence = Fence(kinds=each.kinds, at=each.at, era=self._eras[each.id], closed=each.closed, refuse=each.refuse)
            self._by_person.setdefault(each.tenant, {}).setdefault(each.subject, []).append(fence)
        for tenant in {each.tenant for each in news}:
            for listener in list(self._listeners):
                listener.forget_tenant(tenant)
        return news
