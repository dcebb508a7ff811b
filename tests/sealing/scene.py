"""A keyring over stores in memory, and a sealed provider over another one: everything real, nothing on disk."""

import os
from collections.abc import Callable

from gateway.chain.plan import Plan
from gateway.chain.sealed import Sealed
from gateway.chain.wrapping import Told, Wrapping
from gateway.domain.ports import Provider
from gateway.domain.record import Record
from gateway.domain.scope import Reach
from gateway.domain.sealing import Keyring
from gateway.sealing.ring import Ring
from gateway.sealing.roots import LocalRoot
from gateway.sealing.safe import Safe
from gateway.testing.making import Maker, Time
from tests.chain.sides import Side

ALL = Plan(content=True, role=True, metadata=(("note",), ("deep", "x")), vectors="sealed", index=(("note",),))


class Scene:
    def __init__(self, plan: Plan = ALL, *, keys: Keyring | None = None, strict: bool = True) -> None:
        self.clock = Time()
        self.make = Maker(self.clock)
        self.inner, self.store = Side("inner", self.clock), Side("keys", self.clock)
        self.root = LocalRoot(os.urandom(32), os.urandom)
        self.seconds = 0.0
        self.forgotten: list[tuple[str, str | None]] = []
        self.tampered: list[str] = []
        self.plaintext: list[str] = []
        self.plan = plan
        self.ring = self.another_ring()
        self.wrapping = self.wrapped(keys or self.ring, strict=strict)
        self.sealed: Provider = Sealed(self.inner.provider, self.wrapping).provider

    def another_ring(self, *roots: LocalRoot) -> Ring:
        """As another worker has it: the same store, nothing else in common."""
        known = {root.id: root for root in roots or (self.root,)}
        safe = Safe("keyring.main", self.store.provider, known, self.clock, os.urandom)
        return Ring(
            safe, os.urandom, lambda: self.seconds, lambda tenant, user: self.forgotten.append((tenant, user)), ttl=10.0
        )

    def wrapped(self, keys: Keyring, *, strict: bool = True) -> Wrapping:
        told = Told(self.tampered.append, self.plaintext.append)
        return Wrapping(keys, self.plan, self.clock, told, strict=strict)

    def over(self, ring: Ring) -> Provider:
        return Sealed(self.inner.provider, self.wrapped(ring)).provider

    async def stored(self, record: Record) -> Record:
        """What the backend has."""
        found = (await self.inner.memory.get(Reach.only(record.scope), [record.id]))[0]
        assert found is not None
        return found

    async def get(self, record: Record) -> Record | None:
        return (await self.sealed.get(Reach.only(record.scope), [record.id]))[0]

    async def close(self) -> None:
        await self.ring.close()


Change = Callable[[Record], Record]
