"""Tenants to TenantConfig: layers merged and decoded, names resolved to keys.

Says nothing about names that do not exist, which the checks do; a route then carries "" in their place.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from gateway.config.compiled import ChainConfig, Plugged, RouteConfig, TenantConfig
from gateway.config.layers import LayerSource, merge
from gateway.config.model import Layer, Tenant
from gateway.config.plugs import key_of
from gateway.config.scopes import scope_rule
from gateway.config.unit import Unit, decode_unit
from gateway.domain.errors import GatewayError
from gateway.domain.filtering import read_filter
from gateway.domain.filters import Filter


class Names(msgspec.Struct, frozen=True, kw_only=True):
    """What names can mean, by key."""

    chains: Mapping[str, ChainConfig]
    strategies: Mapping[str, Plugged]
    max_top_k: int  # the policy's


def find_key(known: Mapping[str, Any], owner: str, name: str) -> str:
    """The key a name means for a tenant: its own before the gateway's; "" when neither is there."""
    return next((key for key in (key_of(owner, name), name) if key in known), "")


def read_tenant(unit: Unit, gateway: Unit, names: Names) -> TenantConfig:
    tenant = unit.written
    assert isinstance(tenant, Tenant)  # noqa: S101 -- only tenants have routes
    above = [gateway.source("defaults", "defaults")]
    above += [gateway.source(f"profile {name}", "profiles", name) for name in tenant.profiles]
    above.append(unit.source("tenant"))
    routes = tuple(
        _route(unit, name, [*above, unit.source("route", "routes", name)], names) for name in sorted(tenant.routes)
    )
    return TenantConfig(name=unit.owner, auth=tenant.auth, routes=routes, mark=unit.place())


def _route(unit: Unit, name: str, levels: list[LayerSource | None], names: Names) -> RouteConfig:
    settings, origins = merge([level for level in levels if level])
    layer = _clamped(msgspec.convert(settings, Layer, dec_hook=decode_unit), origins, names.max_top_k)
    route = unit.route(name)
    return RouteConfig(
        tenant=unit.owner,
        name=name,
        default=route.default,
        match=route.match,
        priority=route.priority,
        families=frozenset(route.kinds),
        layer=layer,
        scope=scope_rule(layer.scope),
        filter=_filter(layer),
        chain=find_key(names.chains, unit.owner, layer.chain) if isinstance(layer.chain, str) else "",
        strategy=find_key(names.strategies, unit.owner, layer.retrieval.strategy),
        origins=origins,
        mark=unit.key("routes", name),
    )


def _clamped(layer: Layer, origins: Mapping[str, Any], most: int) -> Layer:
    """A limit nobody wrote follows the policy; one that is written is held against it by a check."""
    if "limits.max_top_k" in origins or layer.limits.max_top_k <= most:
        return layer
    return msgspec.structs.replace(layer, limits=msgspec.structs.replace(layer.limits, max_top_k=most))


def _filter(layer: Layer) -> Filter | None:
    """The filter, or None where it cannot be read: the check of filters says why."""
    try:
        return read_filter(layer.retrieval.filters)
    except GatewayError:
        return None
