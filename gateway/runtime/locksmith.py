"""Keyrings and what they sealed, opened outside of what serves: for verbs that rotate and destroy keys.

Providers come without guards and chains: whoever rewraps writes to each keeper of a chain itself.
"""

import os
from collections.abc import Mapping
from typing import Final

import msgspec

from gateway.chain.wrapping import Told, Wrapping
from gateway.config.compiled import Config, RouteConfig
from gateway.config.sameness import keyring_of
from gateway.domain.ids import Clock
from gateway.domain.ports import Provider
from gateway.domain.record import Kind, kinds_kept
from gateway.retrieval.pools import Pools
from gateway.runtime.lending import Lender, capabilities_of
from gateway.runtime.rings import Rings, roots_of, wrapping_of
from gateway.runtime.use import Opened
from gateway.sealing.ring import Ring

_FOLLOWERS: Final = ("mirror", "failover")


class Lot(msgspec.Struct, frozen=True, kw_only=True):
    """Records of one tenant that one route seals: where they are kept, and for how long copies of them may be cached.

    `keepers` by name, the one that holds them first. `replacing` are those that are a Replaces.
    """

    tenant: str
    space: str
    kinds: frozenset[Kind]
    keepers: Mapping[str, Provider]
    wrapping: Wrapping
    cached: float
    replacing: frozenset[str] = frozenset()


class Locksmith:
    """Opens what it is asked for once; the lender gives it back."""

    def __init__(self, config: Config, clock: Clock, lender: Lender) -> None:
        self._config = config
        self._clock = clock
        self._lender = lender
        self._rings = Rings(clock, os.urandom, Pools())
        self._open: dict[str, Ring] = {}
        self._providers: dict[str, Provider] = {}

    async def ring(self, name: str) -> Ring:
        """Misconfigured where its root or its store cannot be had."""
        found = self._open.get(name)
        if found is None:
            declared = self._config.keyrings[name]
            roots = await roots_of(self._config, declared, os.urandom)
            store = Opened(await self._lender.declared(declared.store), declared.store.key)
            found = self._open[name] = self._rings.ring(declared, roots, store.instance)
        return found

    async def lots(self, tenant: str, ring: str | None = None) -> list[Lot]:
        """What the routes of a tenant seal, each place once; only with this keyring where one is named."""
        found: dict[tuple[str, str, frozenset[Kind]], Lot] = {}
        for route in self._config.tenants[tenant].routes:
            sealing = route.layer.encryption
            if sealing is None or not sealing.on:
                continue
            declared = keyring_of(self._config, route)
            if ring is not None and (declared is None or declared.name != ring):
                continue
            rings = {declared.name: await self.ring(declared.name)} if declared is not None else {}
            wrapping = wrapping_of(route, rings, self._clock, Told(_unheard, _unheard))
            for lot in await self._lots(route, wrapping) if wrapping is not None else ():
                found.setdefault((next(iter(lot.keepers)), lot.space, lot.kinds), lot)
        return list(found.values())

    async def close(self) -> None:
        for ring in self._open.values():
            await ring.close()

    async def _lots(self, route: RouteConfig, wrapping: Wrapping) -> list[Lot]:
        """What the chain keeps, and apart from it what went to the archive."""
        chain = self._config.chains[route.chain]
        following = [step.provider for step in chain.steps if step.role in _FOLLOWERS]
        cached = [
            max(step.written.ttl.seconds, step.written.search_ttl.seconds if step.written.search_ttl else 0.0)
            for step in chain.steps
            if step.role == "cache"
        ]
        kinds = kinds_kept(route.families)
        together = [[chain.primary, *following], *([[route.archive]] if route.archive else [])]
        return [
            Lot(
                tenant=route.tenant,
                space=route.layer.space,
                kinds=kinds & capabilities_of(self._config, keys[0]).kinds,
                keepers={key: await self._provider(key) for key in keys},
                wrapping=wrapping,
                cached=max(cached, default=0.0),
                replacing=frozenset(key for key in keys if capabilities_of(self._config, key).replaces),
            )
            for keys in together
        ]

    async def _provider(self, key: str) -> Provider:
        found = self._providers.get(key)
        if found is None:
            found = self._providers[key] = await self._lender.provider(key)
        return found


def _unheard(_id: str) -> None: ...
