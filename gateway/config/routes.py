"""Tenants to TenantConfig: layers merged and decoded, names resolved to keys.

Says nothing about names that do not exist, which the checks do; a route then carries "" in their place.
"""

import marshal
from collections.abc import Mapping
from typing import Any

import msgspec

from gateway.config.compiled import ChainConfig, Plugged, RouteConfig, TenantConfig
from gateway.config.layers import Merged, merge
from gateway.config.model import Layer, Tenant
from gateway.config.plugs import VOLATILE, key_of
from gateway.config.scopes import scope_rule
from gateway.config.unit import Unit, decode_unit
from gateway.domain.errors import GatewayError
from gateway.domain.filtering import read_filter
from gateway.domain.filters import Filter
from gateway.domain.scope import ScopeRule


class Names(msgspec.Struct, frozen=True, kw_only=True):
    """What names can mean, by key."""

    chains: Mapping[str, ChainConfig]
    strategies: Mapping[str, Plugged]
    summarizers: Mapping[str, Plugged] = {}
    hooks: Mapping[str, Plugged] = {}
    upstreams: Mapping[str, Plugged] = {}
    providers: Mapping[str, Plugged] = {}


class Meant(msgspec.Struct, frozen=True):
    """What merged settings come to."""

    layer: Layer
    scope: ScopeRule
    filter: Filter | None


class Levels:
    """The levels above tenants, merged once for all that apply the same profiles; and equal settings made once, so that
    thousands of routes without any of their own share them. Belongs to one compilation."""

    def __init__(self, gateway: Unit, max_top_k: int) -> None:
        self._gateway = gateway
        self._max_top_k = max_top_k
        self._above: dict[tuple[str, ...], Merged] = {}
        self._meant: dict[bytes, Meant] = {}

    def above(self, profiles: tuple[str, ...]) -> Merged:
        found = self._above.get(profiles)
        if found is None:
            levels = [self._gateway.source("defaults", "defaults")]
            levels += [self._gateway.source(f"profile {name}", "profiles", name) for name in profiles]
            found = self._above[profiles] = merge([level for level in levels if level])
        return found

    def meant(self, settings: dict[str, Any]) -> Meant:
        key = marshal.dumps(settings, 0)  # the version that writes equal trees alike
        found = self._meant.get(key)
        if found is None:
            layer = msgspec.convert(settings, Layer, dec_hook=decode_unit)
            if "max_top_k" not in settings.get("limits", ()) and layer.limits.max_top_k > self._max_top_k:
                # A limit nobody wrote follows the policy; one that is written is held against it by a check.
                limits = msgspec.structs.replace(layer.limits, max_top_k=self._max_top_k)
                layer = msgspec.structs.replace(layer, limits=limits)
            found = self._meant[key] = Meant(layer, scope_rule(layer.scope), _filter(layer))
        return found


def find_key(known: Mapping[str, Any], owner: str, name: str) -> str:
    """The key a name means for a tenant: its own before the gateway's; "" when neither is there."""
    return next((key for key in (key_of(owner, name), name) if key in known), "")


def read_tenant(unit: Unit, levels: Levels, names: Names) -> TenantConfig:
    tenant = unit.written
    assert isinstance(tenant, Tenant)  # noqa: S101 -- only tenants have routes
    own = unit.source("tenant")
    above = merge([own] if own else [], levels.above(tenant.profiles))
    routes = tuple(_route(unit, name, above, levels, names) for name in sorted(tenant.routes))
    return TenantConfig(name=unit.owner, auth=tenant.auth, routes=routes, mark=unit.place())


def _route(unit: Unit, name: str, above: Merged, levels: Levels, names: Names) -> RouteConfig:
    own = unit.source("route", "routes", name)
    merged = merge([own] if own else [], above)
    meant = levels.meant(merged.settings)
    layer, route = meant.layer, unit.route(name)
    return RouteConfig(
        tenant=unit.owner,
        name=name,
        default=route.default,
        match=route.match,
        priority=route.priority,
        families=frozenset(route.kinds),
        layer=layer,
        scope=meant.scope,
        filter=meant.filter,
        chain=find_key(names.chains, unit.owner, layer.chain)
        if isinstance(layer.chain, str)
        else _nowhere(unit, names),
        strategy=find_key(names.strategies, unit.owner, layer.retrieval.strategy),
        hooks=tuple(find_key(names.hooks, unit.owner, each) for each in layer.hooks),
        summarizer=find_key(names.summarizers, unit.owner, layer.session.summarizer),
        upstream=find_key(names.upstreams, unit.owner, layer.proxy.upstream or ""),
        archive=find_key(names.providers, unit.owner, layer.retention.archive or ""),
        origins=merged.origins,
        mark=unit.key("routes", name),
    )


def _nowhere(unit: Unit, names: Names) -> str:
    """The chain of a route for which nothing says where it keeps its records: what is there when nobody declares any."""
    fallback = names.providers.get(VOLATILE)
    declared = getattr(unit.written, "providers", None)
    return VOLATILE if fallback is not None and fallback.mark is None and not declared else ""


def _filter(layer: Layer) -> Filter | None:
    """The filter, or None where it cannot be read: the check of filters says why."""
    try:
        return read_filter(layer.retrieval.filters)
    except GatewayError:
        return None
