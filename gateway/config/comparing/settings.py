"""The effective settings of a route and of the gateway as flat lists: dotted path, value, where it was set."""

from collections.abc import Iterator
from typing import Any, Final

import msgspec

from gateway.config.compiled import Config, RouteConfig
from gateway.config.diagnostics import Mark
from gateway.config.overlap import conditions
from gateway.config.showing import Showing

_RESOLVED: Final = frozenset({"chain", "scope"})  # compared by what they came to mean
_UNSEEN: Final = frozenset({"labels"})


class Setting(msgspec.Struct, frozen=True, kw_only=True):
    path: str
    value: Any
    layer: str = ""  # who set it; "" for the field's default
    mark: Mark | None = None


def route_settings(route: RouteConfig) -> dict[str, Setting]:
    """Everything that decides what the route does, names resolved to keys."""
    own: dict[str, Any] = {
        "default": route.default,
        "match": {name: list(patterns) for name, patterns in conditions(route.match).items()},
        "priority": route.priority,
        "kinds": sorted(family.value for family in route.families),
    }
    found = [Setting(path=path, value=value, layer="route", mark=route.mark) for path, value in own.items()]
    found.append(_set(route, "chain", route.chain))
    found.append(_set(route, "scope", scope_table(route)))
    meant = {
        "retrieval.strategy": route.strategy,
        "session.summarizer": route.summarizer,
        "retention.archive": route.archive or None,
    }
    for path, value in flat(route.layer, ""):
        if path not in _RESOLVED:
            found.append(_set(route, path, meant.get(path, value)))
    return {each.path: each for each in found}


def gateway_settings(config: Config, shown: Showing) -> dict[str, Setting]:
    everything = {name: getattr(config, name) for name in config.__struct_fields__}
    sections = {name: each for name, each in everything.items() if isinstance(each, msgspec.Struct)}
    return {
        path: Setting(path=path, value=value, mark=shown.gateway_place(path))
        for name, section in sections.items()
        for path, value in flat(section, f"{name}.")
    }


def scope_table(route: RouteConfig) -> dict[str, list[str]]:
    """The scope's rule, however it was written."""
    rule = route.scope
    parts = {"require": rule.require, "allow": rule.allow, "any_of": rule.any_of, "context": rule.context}
    return {name: sorted(named) for name, named in parts.items() if named}


def flat(section: msgspec.Struct, before: str) -> Iterator[tuple[str, Any]]:
    """The leaves of nested structs. Lists and free mappings are leaves: they are replaced or compared whole."""
    for name in section.__struct_fields__:
        value = getattr(section, name)
        if name in _UNSEEN:
            continue
        if isinstance(value, msgspec.Struct) and f"{before}{name}" not in _RESOLVED:
            yield from flat(value, f"{before}{name}.")
        else:
            yield f"{before}{name}", value


def _set(route: RouteConfig, path: str, value: Any) -> Setting:
    origin = route.origins.get(path)
    if origin is None:  # a mapping that was set key by key
        below = [each for known, each in route.origins.items() if known.startswith(f"{path}.")]
        origin = below[-1] if below else None
    return Setting(path=path, value=value, layer=origin.layer if origin else "", mark=origin.mark if origin else None)
