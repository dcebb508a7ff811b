"""The providers that may hold something of a tenant, each as it is open now, or opened for a moment; and its hooks.

All that are declared for the tenant or for everybody count, whether or not a route uses them today: what was used
yesterday is still there. Past chains and caches: an erasure goes to the backends themselves.
"""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import datetime
from typing import Final

import msgspec

from gateway.config.compiled import Plugged
from gateway.domain.hooking import Forgetting
from gateway.domain.ids import Clock
from gateway.domain.ports import Capabilities, Provider
from gateway.runtime.instances import Instances
from gateway.runtime.lending import use_of
from gateway.runtime.rings import ByName
from gateway.runtime.snapshot import Snapshot

_SECONDS: Final = 20.0


class Reached(msgspec.Struct, frozen=True, kw_only=True):
    provider: Provider
    can: Capabilities


class Reaching:
    def __init__(self, instances: Instances, clock: Clock) -> None:
        self._instances = instances
        self._clock = clock

    def targets(self, snapshot: Snapshot, tenant: str) -> Mapping[str, Plugged]:
        """By key, in order."""
        declared = snapshot.config.providers
        found = {key: each for key, each in declared.items() if each.owner in ("", tenant)}
        bound = snapshot.tenants.get(tenant)
        if bound is not None:  # as it is served, where its newest file is broken
            found |= {key: use.declared for (sort, key), use in bound.uses.items() if sort == "provider"}
        return dict(sorted(found.items()))

    @asynccontextmanager
    async def reached(self, snapshot: Snapshot, target: Plugged) -> AsyncGenerator[Reached]:
        """Raises what opening raises."""
        can: Capabilities = target.plugin.capabilities(target.options)
        for tenant in snapshot.tenants.values():
            use = tenant.uses.get(("provider", target.key))
            opened = self._instances.opened(use) if use is not None else None
            if opened is not None:
                yield Reached(provider=opened.instance, can=can)
                return
        async with AsyncExitStack() as stack:
            use = use_of(snapshot.config, target.key, self._clock)
            async with asyncio.timeout(_SECONDS):
                lent = await self._instances.acquire(use, stack)
            yield Reached(provider=lent.instance, can=can)

    async def forgotten(self, snapshot: Snapshot, tenant: str, user: str, until: datetime | None) -> int:
        """By hooks that keep something of persons; how much. Raises what any of them raises."""
        bound = snapshot.tenants.get(tenant)
        uses = [use for (sort, _), use in bound.uses.items() if sort == "hook"] if bound is not None else []
        hooks = [each.instance for each in map(self._instances.opened, uses) if each is not None]
        return sum([await each.forget(tenant, user, until) for each in hooks if isinstance(each, Forgetting)])


def is_noted(snapshot: Snapshot, tenant: str) -> bool:
    """Whether some route writes a user down beside records that belong to somebody else."""
    bound = snapshot.tenants.get(tenant)
    return bound is not None and any("user" in each.scope.context for each in bound.config.routes)


def is_private(can: Capabilities) -> bool:
    """Whether each process has contents of its own."""
    return not (can.shared or can.exclusive or can.remote)


def rings_of(snapshot: Snapshot, tenant: str) -> ByName:
    """The keyrings that seal what the tenant keeps."""
    bound = snapshot.tenants.get(tenant)
    return bound.rings if bound is not None else {}
