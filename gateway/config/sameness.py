"""When two declarations are the same thing: the one rule by which instances are shared and plans are made.

A declaration is compared by what it means, not by where or how it is written. Secrets enter as hashes. Builds embedders
to ask for their dimension, which their constructors know without I/O; opens nothing.
"""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, TypeAlias

import msgspec

from gateway.config.compiled import Config, KeyringConfig, Plugged, RouteConfig, TenantConfig
from gateway.domain.ports import Embedder, Kit
from gateway.domain.record import Family
from gateway.domain.units import Duration, ImportPath, Secret, Size

Sort: TypeAlias = Literal["provider", "embedder", "strategy", "summarizer", "hook", "upstream"]


class Needed(msgspec.Struct, frozen=True, kw_only=True):
    """A declaration that some route needs, with the length of the vectors it will see."""

    sort: Sort
    declared: Plugged
    dimension: int | None = None

    def identity(self, home: Path) -> str:
        return identity_of(self.declared, home, self.dimension)


def identity_of(declared: Plugged, home: Path, dimension: int | None) -> str:
    """A key that is the same exactly as long as the declaration means the same. Secrets enter it hashed."""
    parts = [declared.key, declared.plugin.__module__, declared.options, declared.guard, str(home), dimension]
    return hashlib.sha256(msgspec.json.encode(parts, enc_hook=_plain)).hexdigest()


def needed(config: Config) -> Mapping[tuple[Sort, str], Needed]:
    """What a Snapshot of this config opens, and nothing else: what no route uses is never opened."""
    sizes, strategies = dimensions(config), strategies_of(config)
    found: dict[tuple[Sort, str], Needed] = {}
    for tenant in config.tenants.values():
        found |= needed_by(config, tenant, sizes, strategies)
    return found


def needed_by(
    config: Config, tenant: TenantConfig, sizes: Mapping[str, int], strategies: Mapping[str, Sequence[Plugged]]
) -> dict[tuple[Sort, str], Needed]:
    """What one tenant's routes use, by the `dimensions` and the `strategies_of` the config."""
    found: dict[tuple[Sort, str], Needed] = {}
    for route in tenant.routes:
        ring = keyring_of(config, route)
        stores = [ring.store] if ring is not None else []
        for provider in [*(config.providers[key] for key in providers_of(config, route)), *stores]:
            if ("provider", provider.key) in found:
                continue
            dimension = None
            if provider.embedder is not None:
                embedder = config.embedders[provider.embedder]
                found["embedder", embedder.key] = Needed(sort="embedder", declared=embedder)
                dimension = sizes[embedder.key]
            found["provider", provider.key] = Needed(sort="provider", declared=provider, dimension=dimension)
        for key in route.hooks:
            found["hook", key] = Needed(sort="hook", declared=config.hooks[key])
        if route.upstream:
            found["upstream", route.upstream] = Needed(sort="upstream", declared=config.upstreams[route.upstream])
        if Family.MESSAGE in route.families and route.summarizer:
            found["summarizer", route.summarizer] = Needed(
                sort="summarizer", declared=config.summarizers[route.summarizer]
            )
    for strategy in (*strategies.get("", ()), *strategies.get(tenant.name, ())) if tenant.routes else ():
        found["strategy", strategy.key] = Needed(sort="strategy", declared=strategy)
    return found


def providers_of(config: Config, route: RouteConfig) -> list[str]:
    """The keys of what a route works with: the steps of its chain, and its archive."""
    keys = [step.provider for step in config.chains[route.chain].steps]
    return [*keys, route.archive] if route.archive else keys


def keyring_of(config: Config, route: RouteConfig) -> KeyringConfig | None:
    """The keyring that seals what a route keeps, if one does."""
    sealing = route.layer.encryption
    return config.keyrings.get(sealing.keys) if sealing is not None and sealing.type == "mg1" else None


def strategies_of(config: Config) -> dict[str, list[Plugged]]:
    """By owner; "" is the gateway."""
    found: dict[str, list[Plugged]] = {}
    for strategy in config.strategies.values():
        found.setdefault(strategy.owner, []).append(strategy)
    return found


def dimensions(config: Config) -> Mapping[str, int]:
    return {key: dimension_of(embedder, config.home) for key, embedder in config.embedders.items()}


def dimension_of(embedder: Plugged, home: Path) -> int:
    made: Embedder = embedder.plugin(embedder.options, Kit(name=embedder.key, clock=_never, home=home))
    return made.dimension


def _never() -> datetime:
    return datetime.min.replace(tzinfo=UTC)


def _plain(value: Any) -> Any:
    match value:
        case Secret():
            return hashlib.sha256(value.reveal().encode()).hexdigest()
        case Duration() | Size():
            return value.text
        case ImportPath():
            return repr(value)
        case _:
            raise NotImplementedError(f"an option of type {type(value).__name__} has no text form")
