"""Chains as the clauses see them: each is a provider over others, so all that holds for a provider holds for it.

What mirrors owe is delivered now and then, as if a queue stood behind them.
"""

import os
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from typing import Any, ClassVar, Final, Literal

import msgspec

from gateway.chain.cached import Cached
from gateway.chain.failover import Failover, Side
from gateway.chain.merged import Merged, Reader
from gateway.chain.mirrored import Mirror, Mirrored
from gateway.chain.plan import Plan
from gateway.chain.sealed import Sealed, sealed_capabilities
from gateway.chain.through import Through
from gateway.chain.wrapping import Told, Wrapping
from gateway.domain.errors import Unavailable
from gateway.domain.ports import Capabilities, Kit, Provider
from gateway.providers.memory import Memory, MemoryOptions
from gateway.providers.sqlite import Sqlite
from gateway.sealing.ring import Ring
from gateway.sealing.roots import LocalRoot
from gateway.sealing.safe import Safe
from gateway.testing.subjects import Subject
from tests.chain.outbox import MemoryOutbox

_PLANS: Final = {
    "sealed": Plan(role=True, metadata=((),), vectors="sealed"),
    "sealed plain": Plan(content=False, metadata=(("tags",), ("n",)), vectors="plain"),
}

Link = Literal["cached", "mirrored", "failover", "merged", "merged first", "sealed", "sealed plain"]


class ChainOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    link: Link
    over: Literal["memory", "sqlite"] = "memory"


class Chain:
    type_name: ClassVar[str] = "chain"
    Options: ClassVar[type[Any]] = ChainOptions

    def __init__(self, options: ChainOptions, kit: Kit) -> None:
        self._options = options
        self._main: Any = (
            Memory(MemoryOptions(), kit)
            if options.over == "memory"
            else Sqlite(Sqlite.Options(path="data/chain.db"), kit)
        )
        self._other: Any = Memory(MemoryOptions(), kit)
        self._clock = kit.clock
        self._chain: Any = None
        self._links: dict[Link, Callable[[], Provider]] = {
            "cached": self._cached, "mirrored": self._mirrored, "failover": self._failover, "merged": self._merged,
            "merged first": self._merged, "sealed": self._sealed, "sealed plain": self._sealed,
        }  # fmt: skip

    @classmethod
    def capabilities(cls, options: ChainOptions) -> Capabilities:
        """The backend's, without what the links do not promise for several of them together."""
        own = Memory.capabilities(None) if options.over == "memory" else Sqlite.capabilities(Sqlite.Options(path="x"))
        if options.link in _PLANS:
            return sealed_capabilities(msgspec.structs.replace(own, shared=False, durable=False), _PLANS[options.link])
        alone = options.link in ("cached", "mirrored")
        return msgspec.structs.replace(own, shared=False, durable=False, revised=own.revised and alone)

    async def open(self, stack: AsyncExitStack) -> None:
        await self._main.open(stack)
        await self._other.open(stack)
        self._chain = self._links[self._options.link]()

    def __getattr__(self, verb: str) -> Any:
        return getattr(self._chain, verb)

    def _cached(self) -> Provider:
        return Cached("main", self._main, self._other, 300.0, self._clock, search_ttl=60.0).provider

    def _mirrored(self) -> Provider:
        outbox = MemoryOutbox({"main": self._main, "other": self._other})
        mirror = Mirror(name="other", provider=self._other, ack="all")
        return Mirrored("main", self._main, [mirror], outbox, self._clock).provider

    def _failover(self) -> Provider:
        """The first side is never there."""

        async def away(*_: Any) -> Any:
            raise Unavailable("away")

        sides = [Side(name="away", provider=Through(away)), Side(name="main", provider=self._main)]
        outbox = MemoryOutbox({"away": Through(away), "main": self._main})
        return Failover(sides, outbox, self._clock, lambda _: None).provider

    def _sealed(self) -> Provider:
        """With a root key of its own."""
        root = LocalRoot(os.urandom(32), os.urandom)
        safe = Safe("keyring.main", self._other, {root.id: root}, self._clock, os.urandom)
        ring = Ring(safe, os.urandom, lambda: 0.0, lambda _tenant, _user: None)
        told = Told(lambda _: None, lambda _: None)
        return Sealed(self._main, Wrapping(ring, _PLANS[self._options.link], self._clock, told)).provider

    def _merged(self) -> Provider:
        how = "first" if self._options.link == "merged first" else "union"
        return Merged(self._main, [Reader(name="other", provider=self._other, merge=how)], lambda _: None).provider


_FILTERS: Final = "test_any_filter_lets_through_what_the_reference_does"
_SPARED: Final = {
    "merged": frozenset[str](),  # filters are the backend's own, but for those of merged pages and searches
    "sealed plain": frozenset[str](),  # and for those on what is sealed
    "sealed": frozenset({"test_every_verb_reads_filters_alike"}),  # asks for searches by how the subject looks
}


def _subject(link: Link, over: str = "memory") -> Subject:
    return Subject(
        name=f"chain: {link}" if over == "memory" else f"chain: {link} ({over})",
        plugin="tests.conformance.chains:Chain",
        against="real",
        through=f"over {over}",
        options=lambda _: {"link": link, "over": over},
        many=1_000,
        spared=_SPARED.get(link, frozenset({_FILTERS})),
    )


CHAINS: Sequence[Subject] = (
    _subject("cached"),
    _subject("cached", "sqlite"),
    _subject("mirrored"),
    _subject("failover"),
    _subject("merged"),
    _subject("merged first"),
    _subject("sealed"),
    _subject("sealed plain"),
)
