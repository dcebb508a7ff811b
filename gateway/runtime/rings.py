"""Keyrings while the gateway runs: made from what the configuration declares, shared by all tenants that name them.

A ring lives as long as somebody serves with it, so a reload that changes nothing of it keeps its opened keys.
"""

import hashlib
import time
from collections.abc import Mapping, Sequence
from typing import TypeAlias
from weakref import WeakValueDictionary

import msgspec

from gateway.chain.plan import Path, Plan
from gateway.chain.wrapping import Told, Wrapping
from gateway.config.compiled import Config, KeyringConfig, RouteConfig, TenantConfig
from gateway.config.model import Encryption
from gateway.config.sameness import keyring_of
from gateway.domain.errors import GatewayError, Misconfigured
from gateway.domain.filtering import read_time
from gateway.domain.ids import Clock, Randomness
from gateway.domain.ports import Provider
from gateway.domain.scope import Reach
from gateway.domain.sealing import Keyring
from gateway.domain.units import Secret
from gateway.retrieval.pools import Pools
from gateway.runtime.use import Opened
from gateway.sealing.fernet import FernetKeys
from gateway.sealing.ring import Ring
from gateway.sealing.roots import LocalRoot, Root, open_root
from gateway.sealing.safe import Safe

SPACE: str = "keyring"

ByName: TypeAlias = Mapping[str, Ring]


class Rings:
    """Makes rings, and knows those that are alive."""

    def __init__(self, clock: Clock, randomness: Randomness, pools: Pools) -> None:
        self._clock = clock
        self._randomness = randomness
        self._pools = pools
        self._alive: WeakValueDictionary[str, Ring] = WeakValueDictionary()

    async def ready(self, config: Config, tenant: TenantConfig, stores: Mapping[str, Opened]) -> ByName:
        """The rings that a tenant's routes name. Misconfigured where a root key cannot be had."""
        found: dict[str, Ring] = {}
        for route in tenant.routes:
            declared = keyring_of(config, route)
            if declared is not None and declared.name not in found:
                found[declared.name] = await self._ring(config, declared, stores[declared.store.key])
        return found

    async def _ring(self, config: Config, declared: KeyringConfig, store: Opened) -> Ring:
        told = msgspec.json.encode([declared.name, store.name, declared.written], enc_hook=_hashed)
        identity = hashlib.sha256(told).hexdigest()
        found = self._alive.get(identity)
        if found is None:
            roots = await roots_of(config, declared, self._randomness)
            found = self._alive[identity] = self.ring(declared, roots, store.instance)
        return found

    def ring(self, declared: KeyringConfig, roots: Mapping[str, Root], store: Provider) -> Ring:
        safe = Safe(f"{SPACE}.{declared.name}", store, roots, self._clock, self._randomness)
        ttl = declared.written.ttl.seconds if declared.written is not None else 10.0
        return Ring(safe, self._randomness, time.monotonic, self._forget, ttl=ttl)

    async def close(self) -> None:
        for ring in list(self._alive.values()):
            await ring.close()

    def _forget(self, tenant: str, user: str | None) -> None:
        """What searches keep of opened records. Those without a user may be among those of any reach."""
        self._pools.forget(Reach(tenant, None, user, None, None))


async def roots_of(config: Config, declared: KeyringConfig, randomness: Randomness) -> dict[str, Root]:
    """By their id; the one that wraps is first."""
    if declared.written is None:
        root = LocalRoot(randomness(32), randomness)
        return {root.id: root}
    found: dict[str, Root] = {}
    for source in (declared.written.root, *declared.written.old_roots):
        try:
            root = await open_root(source, config.home, randomness)
        except GatewayError as error:
            raise Misconfigured(f"keyring {declared.name!r}: {error.detail}") from None
        found.setdefault(root.id, root)
    return found


def keys_of(route: RouteConfig, rings: ByName) -> Keyring | None:
    """What a route seals with; None where it does not."""
    sealing = route.layer.encryption
    if sealing is None or not sealing.on:
        return None
    return FernetKeys(sealing.fernet_keys()) if sealing.type == "fernet" else rings[sealing.keys]


def plan_of(sealing: Encryption) -> Plan:
    until = sealing.accept_plaintext_until
    return Plan(
        content=sealing.content,
        role="role" in sealing.fields,
        metadata=tuple(_path(each) for each in sealing.fields if each.split(".")[0] == "metadata"),
        vectors=sealing.kept_vectors,
        index=tuple(tuple(each.removeprefix("metadata.").split(".")) for each in sealing.index),
        plaintext_until=None if until is None else read_time(until, "accept_plaintext_until"),
    )


def wrapping_of(route: RouteConfig, rings: ByName, clock: Clock, told: Told) -> Wrapping | None:
    """How a route's records are sealed; None where they are not."""
    keys, sealing = keys_of(route, rings), route.layer.encryption
    return None if keys is None or sealing is None else Wrapping(keys, plan_of(sealing), clock, told)


def pool_name(head: str, route: RouteConfig) -> str:
    """What tells apart what searches keep: routes that seal differently share nothing."""
    sealing = route.layer.encryption
    if sealing is None or not sealing.on:
        return head
    told = msgspec.json.encode(sealing, enc_hook=_hashed)
    return f"{head}/{hashlib.sha256(told).hexdigest()[:16]}"


async def shred(rings: ByName, tenant: str, user: str) -> Sequence[str]:
    """Destroys all keys of one user of a tenant, in each of its rings; their fingerprints. May be repeated.

    At once in this process, and in all others of the fleet within each keyring's `ttl`, nothing that those keys sealed
    can be opened any more, and nothing that was opened is kept.
    """
    return [each for ring in rings.values() for each in await ring.shred(tenant, user)]


async def destroyed(rings: ByName, tenant: str, user: str) -> Sequence[str]:
    """The fingerprints of the user's keys that are destroyed, whoever did it."""
    return [each for ring in rings.values() for each in await ring.destroyed(tenant, user)]


def _path(field: str) -> Path:
    return tuple(field.split(".")[1:])


def _hashed(value: object) -> str:
    if isinstance(value, Secret):
        return hashlib.sha256(value.reveal().encode()).hexdigest()
    return getattr(value, "text", "") or repr(value)
