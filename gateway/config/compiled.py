"""The finished configuration: frozen, typed, every name resolved to a key. The only thing the runtime ever sees.

A key is a name that is unique in the whole gateway: `main` for what the gateway file declares, `acme/zep` for what the
tenant acme declares for itself. Nothing here knows YAML, files being read, or what a plugin does with its options.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import msgspec

from gateway.config.diagnostics import Diagnostic, Mark
from gateway.config.model import Auth, Layer, Match, Plugins, Policy, Server
from gateway.domain.filters import Filter
from gateway.domain.record import Family
from gateway.domain.scope import ScopeRule


class Origin(msgspec.Struct, frozen=True):
    """Who set a value: `built in`, `defaults`, `profile <name>`, `tenant` or `route`; and where, unless built in."""

    layer: str
    mark: Mark | None = None


class Plugged(msgspec.Struct, frozen=True, kw_only=True):
    """One declared provider, embedder or strategy, with the class that will be built and its decoded options."""

    name: str
    type_name: str
    plugin: type[Any]
    options: Any  # an instance of plugin.Options
    embedder: str | None = None  # key of an embedder; providers only, None for no vectors
    labels: Mapping[str, Any] = {}
    mark: Mark | None = None  # None for what is built in
    owner: str = ""  # "" is the gateway, else the tenant
    key: str


class StepConfig(msgspec.Struct, frozen=True):
    provider: str  # key into Config.providers
    role: Literal["primary"] = "primary"


class ChainConfig(msgspec.Struct, frozen=True, kw_only=True):
    """Steps over providers. Every provider is also a chain of one step under its own key."""

    key: str
    name: str
    steps: tuple[StepConfig, ...]
    mark: Mark
    owner: str = ""


class RouteConfig(msgspec.Struct, frozen=True, kw_only=True):
    """One route with all layers merged. `origins` maps dotted paths (`retrieval.top_k`) of set values to who set them;
    a path that is not in it holds the field's default."""

    tenant: str
    name: str
    default: bool
    match: Match | None
    priority: int
    families: frozenset[Family]
    layer: Layer
    scope: ScopeRule
    filter: Filter | None
    chain: str  # key into Config.chains
    strategy: str  # key into Config.strategies
    origins: Mapping[str, Origin]
    mark: Mark


class TenantConfig(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    auth: Auth
    routes: tuple[RouteConfig, ...]  # by name; their order means nothing
    mark: Mark


class Config(msgspec.Struct, frozen=True, kw_only=True):
    """The whole gateway. `digest` changes whenever any byte that was read changes, referenced values included."""

    server: Server
    policy: Policy
    plugins: Plugins
    embedders: Mapping[str, Plugged]
    providers: Mapping[str, Plugged]
    chains: Mapping[str, ChainConfig]
    strategies: Mapping[str, Plugged]  # the built-in ones with default options among them
    tenants: Mapping[str, TenantConfig]
    home: Path
    digest: str
    files: tuple[Path, ...]  # everything that was read, to be watched

    def strategy(self, tenant: str, name: str) -> Plugged | None:
        """What a strategy name means for a tenant: its own, else the gateway's or a built-in one."""
        return self.strategies.get(f"{tenant}/{name}") or self.strategies.get(name)


class Compiled(msgspec.Struct, frozen=True, kw_only=True):
    """`config` is None only when the gateway's own file is broken. A broken tenant is left out and named here."""

    config: Config | None
    diagnostics: tuple[Diagnostic, ...]
    broken: frozenset[str] = frozenset()
    files: tuple[Path, ...] = ()  # also when config is None
    digest: str = ""
