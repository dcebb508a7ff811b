"""One generation of the configuration, running. Immutable; a request leases it and uses only what is in it.

Everything that must not outlive a generation (caches, bound routes, credentials) hangs here, so a swap of the one
reference to it changes all of it at once.
"""

from collections.abc import Mapping
from contextlib import AsyncExitStack
from typing import Self

from gateway.auth.gate import Gate
from gateway.config.compiled import Config
from gateway.domain.errors import NotFound
from gateway.domain.principal import Principal
from gateway.domain.record import Family
from gateway.runtime.bound import BoundRoute
from gateway.runtime.facts import Facts
from gateway.runtime.identity import Parts
from gateway.runtime.routing import Candidate, choose


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
        candidates: Mapping[tuple[str, Family], tuple[Candidate, ...]],
        routes: Mapping[tuple[str, str], BoundRoute],
        stack: AsyncExitStack,
    ) -> None:
        self.generation = generation
        self.config = config
        self.gate = gate
        self.leases = 0
        self._candidates = candidates
        self._routes = routes
        self._stack = stack

    def __enter__(self) -> Self:
        self.leases += 1
        return self

    def __exit__(self, *_: object) -> None:
        self.leases -= 1

    def route(self, principal: Principal, facts: Facts) -> tuple[BoundRoute, Parts]:
        chosen, parts = choose(self.candidates(principal.tenant, facts.family), facts, principal)
        return self._routes[principal.tenant, chosen.route.name], parts

    def candidates(self, tenant: str, family: Family) -> tuple[Candidate, ...]:
        found = self._candidates.get((tenant, family))
        if found is None:
            raise NotFound(f"no route holds {family.value} records", code="no_route")
        return found

    def routes(self) -> Mapping[tuple[str, str], BoundRoute]:
        return self._routes

    async def close(self) -> None:
        await self._stack.aclose()
