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
    """In `config`, a route whose chain or strategy is not known has "" there; checks pass over it."""

    config: Config
    gateway: Unit
    tenants: Mapping[str, Unit]
    catalog: Catalog

    def unit(self, owner: str) -> Unit:
        return self.tenants[owner] if owner else self.gateway

    def units(self) -> Iterator[Unit]:
        yield self.gateway
        yield from self.tenants.values()

    def layers(self) -> Iterator[tuple[Unit, Where, Layer]]:
        for unit in self.units():
            for _, where, layer in unit.layers():
                yield unit, where, layer

    def routes(self) -> Iterator[RouteConfig]:
        """Routes whose every level is as it was written: of others, nobody knows what they were meant to be."""
        for tenant in self.config.tenants.values():
            yield from self.routes_of(tenant)

    def routes_of(self, tenant: TenantConfig) -> list[RouteConfig]:
        unit, gateway = self.unit(tenant.name), self.gateway
        shaky = unit.lost_settings((*LAYER_KEYS, "profiles")) or gateway.lost_settings(("defaults",))
        profiles = self.written(tenant.name).profiles
        if shaky or any(gateway.lost_below("profiles", name) for name in profiles) or gateway.lost("profiles"):
            return []
        return [route for route in tenant.routes if not unit.lost_below("routes", route.name)]

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
        return self.config.providers.get(chain.steps[0].provider) if chain else None

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
