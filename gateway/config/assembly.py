"""Everything the checks may look at: the config as far as it could be put together, and where each part is written."""

from collections.abc import Iterator, Mapping

import msgspec

from gateway.config.catalog import Catalog
from gateway.config.compiled import Config, Origin, Plugged, RouteConfig, TenantConfig
from gateway.config.diagnostics import Mark, Related
from gateway.config.layers import LAYER_KEYS
from gateway.config.located import Where
from gateway.config.model import GatewayFile, Layer, Tenant
from gateway.config.unit import Unit


class Assembly(msgspec.Struct, frozen=True, kw_only=True):
    """One unit under examination: a tenant, with the gateway's own part behind it, or that part alone.

    In `config`, which holds what the two declare, a route whose chain or strategy is not known has "" there; checks
    pass over it. `own` are the declarations of the unit itself, by section.
    """

    config: Config
    gateway: Unit
    tenants: Mapping[str, Unit]  # the one that is examined; none when it is the gateway
    own: Mapping[str, Mapping[str, Plugged]]
    firm: Mapping[str, list[RouteConfig]]
    catalog: Catalog

    def unit(self, owner: str) -> Unit:
        return self.tenants[owner] if owner else self.gateway

    def units(self) -> Iterator[Unit]:
        """What is examined, and nothing else: what is wrong with the gateway's part is told once, not per tenant."""
        yield from self.tenants.values() if self.tenants else (self.gateway,)

    def layers(self) -> Iterator[tuple[Unit, Where, Layer]]:
        for unit in self.units():
            for _, where, layer in unit.layers():
                yield unit, where, layer

    def declared(self, section: str) -> Iterator[Plugged]:
        yield from self.own[section].values()

    def routes(self) -> Iterator[RouteConfig]:
        """Routes whose every level is as it was written: of others, nobody knows what they were meant to be."""
        for routes in self.firm.values():
            yield from routes

    def routes_of(self, tenant: TenantConfig) -> list[RouteConfig]:
        return self.firm[tenant.name]

    def file(self) -> GatewayFile:
        written = self.gateway.written
        assert isinstance(written, GatewayFile)  # noqa: S101 -- the gateway's unit holds nothing else
        return written

    def written(self, tenant: str) -> Tenant:
        written = self.tenants[tenant].written
        assert isinstance(written, Tenant)  # noqa: S101 -- a tenant's unit holds nothing else
        return written

    def provider_of(self, route: RouteConfig) -> Plugged | None:
        """The provider that a route's records end up in."""
        chain = self.config.chains.get(route.chain)
        return self.config.providers.get(chain.primary) if chain else None

    def keepers_of(self, route: RouteConfig) -> Iterator[Plugged]:
        """The providers that a route's records are written to."""
        chain = self.config.chains.get(route.chain)
        for step in chain.steps if chain else ():
            if step.role not in ("reader", "cache") and step.provider in self.config.providers:
                yield self.config.providers[step.provider]

    def origin(self, route: RouteConfig, path: str) -> Origin | None:
        """Who set a value, or the thing in it that was set at the level nearest to the route."""
        below = [origin for each, origin in route.origins.items() if each == path or each.startswith(f"{path}.")]
        return next((each for level in ("route", "tenant") for each in below if each.layer == level), None) or (
            below[-1] if below else None
        )

    def blame(self, route: RouteConfig, *paths: str) -> tuple[Mark, tuple[Related, ...]]:
        """The place that belongs to the tenant most: what the route or tenant wrote, else the route itself with the
        place that the gateway's file set."""
        related: list[Related] = []
        for path in paths:
            origin = self.origin(route, path)
            if origin is None or origin.mark is None:
                continue
            if origin.layer in ("tenant", "route"):
                return origin.mark, tuple(related)
            related.append(Related(origin.mark, f"{path} is set here ({origin.layer})"))
        return route.mark, tuple(related)


def firm_routes(unit: Unit, gateway: Unit, tenant: TenantConfig) -> list[RouteConfig]:
    """A tenant's routes without those of which a level was refused."""
    written = unit.written
    assert isinstance(written, Tenant)  # noqa: S101 -- a tenant's unit holds nothing else
    shaky = unit.lost_settings((*LAYER_KEYS, "profiles")) or gateway.lost_settings(("defaults",))
    if shaky or any(gateway.lost_below("profiles", name) for name in written.profiles) or gateway.lost("profiles"):
        return []
    return [route for route in tenant.routes if not unit.lost_below("routes", route.name)]
