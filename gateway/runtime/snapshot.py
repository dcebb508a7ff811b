"""One generation of the configuration, running. Immutable; a request leases it and uses only what is in it.

Everything that must not outlive a generation (bound routes, credentials) hangs here, so a swap of the one reference to
it changes all of it at once.
"""

from collections.abc import Mapping
from contextlib import AsyncExitStack
from typing import Self

from gateway.auth.gate import Gate
from gateway.config.compiled import Config
from gateway.domain.errors import NotFound, Unavailable
from gateway.domain.principal import Principal
from gateway.domain.record import Family
from gateway.runtime.bound import BoundRoute
from gateway.runtime.facts import Facts
from gateway.runtime.identity import Parts
from gateway.runtime.routing import Candidate, choose
from gateway.runtime.tenancy import BoundTenant


class Snapshot:
    """A request enters it and is one of its `leases` until it exits. `close` gives everything back; the caller sees to
    it that no lease is out any more.
    """

    def __init__(
        self,
        *,
        generation: int,
        config: Config,
        gate: Gate,
        admin: Gate,
        tenants: Mapping[str, BoundTenant],
        locked: frozenset[str],
        stack: AsyncExitStack,
    ) -> None:
        self.generation = generation
        self.config = config
        self.gate = gate
        self.admin = admin  # who may steer the gateway as a whole
        self.tenants = tenants
        self.locked = locked  # known, and not served: their configuration is broken and never was good
        self.leases = 0
        self.hurried = False  # no longer waits for its last request
        self._stack = stack

    def __enter__(self) -> Self:
        self.leases += 1
        return self

    def __exit__(self, *_: object) -> None:
        self.leases -= 1

    def route(self, principal: Principal, facts: Facts) -> tuple[BoundRoute, Parts]:
        chosen, parts = choose(self.candidates(principal.tenant, facts.family), facts, principal)
        return self.tenants[principal.tenant].routes[chosen.route.name], parts

    def candidates(self, tenant: str, family: Family) -> tuple[Candidate, ...]:
        found = self.bound(tenant).candidates.get(family)
        if found is None:
            raise NotFound(f"no route holds {family.value} records", code="no_route")
        return found

    def bound(self, tenant: str) -> BoundTenant:
        found = self.tenants.get(tenant)
        if found is None:
            raise Unavailable(
                "the configuration of this tenant is broken; its operators have been told", code="tenant_config_invalid"
            )
        return found

    async def close(self) -> None:
        await self._stack.aclose()
