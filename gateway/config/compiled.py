"""The finished configuration: frozen, typed, every name resolved to a key. The only thing the runtime ever sees.

A key is a name that is unique in the whole gateway: `main` for what the gateway file declares, `acme/zep` for what the
tenant acme declares for itself. Nothing here knows YAML, files being read, or what a plugin does with its options.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from gateway.config.diagnostics import Diagnostic, Mark
from gateway.config.levels import Level
from gateway.config.model import (
    Admin,
    Auth,
    Faces,
    Guarding,
    Hooking,
    Issuer,
    Jobs,
    Keyring,
    Layer,
    Match,
    Plugins,
    Policy,
    Receipts,
    Reload,
    Server,
    Step,
    StepRole,
)
from gateway.domain.filters import Filter
from gateway.domain.record import Family
from gateway.domain.scope import ScopeRule


class Origin(msgspec.Struct, frozen=True, gc=False):
    """Who set a value: `built in`, `defaults`, `profile <name>`, `tenant` or `route`; and where, unless built in."""

    layer: str
    mark: Mark | None = None


class Plugged(msgspec.Struct, frozen=True, kw_only=True):
    """One declared provider, embedder, strategy or hook, with the class that will be built and its decoded options."""

    name: str
    type_name: str
    plugin: type[Any]
    options: Any  # an instance of plugin.Options
    embedder: str | None = None  # key of an embedder; providers only, None for no vectors
    guard: Guarding | None = None  # providers only; None for nothing before it
    required: bool = False  # providers only: whether the gateway starts without it
    hooking: Hooking | None = None  # hooks only
    labels: Mapping[str, Any] = {}
    mark: Mark | None = None  # None for what is built in
    owner: str = ""  # "" is the gateway, else the tenant
    key: str


class StepConfig(msgspec.Struct, frozen=True):
    provider: str  # key into Config.providers
    written: Step

    @property
    def role(self) -> StepRole:
        return self.written.role


class ChainConfig(msgspec.Struct, frozen=True, kw_only=True):
    """Steps over providers. Every provider is also a chain of one step under its own key."""

    key: str
    name: str
    steps: tuple[StepConfig, ...]
    mark: Mark
    owner: str = ""

    @property
    def primary(self) -> str:
        """The key of the provider that holds the records; of what was refused, that of the first step."""
        return next((step.provider for step in self.steps if step.role == "primary"), self.steps[0].provider)


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
    hooks: tuple[str, ...] = ()  # keys into Config.hooks, in order; "" for one that is not known
    summarizer: str = ""  # key into Config.summarizers
    upstream: str = ""  # key into Config.upstreams; "" where it is no proxy
    archive: str = ""  # key into Config.providers; "" for none
    origins: Mapping[str, Origin]
    mark: Mark


class KeyringConfig(msgspec.Struct, frozen=True, kw_only=True):
    """`store` keeps the wrapped keys. Without `written` the root is made up for as long as the process lives."""

    name: str
    store: Plugged
    written: Keyring | None


class TenantConfig(msgspec.Struct, frozen=True, kw_only=True):
    """`digest` is of all it was made from: its file, what that references, and what it takes from the gateway's file.
    As long as it is the same, the tenant behaves the same; only marks in the gateway's file may have moved."""

    name: str
    auth: Auth
    routes: tuple[RouteConfig, ...]  # by name; their order means nothing
    mark: Mark
    digest: str = ""


class Config(msgspec.Struct, frozen=True, kw_only=True):
    """The whole gateway. `digest` changes whenever any byte that was read changes, referenced values included.

    `hashes` are of the bytes of each file, for comparing with those of another generation. A referenced file may hold
    a short secret, so they are not for showing."""

    server: Server
    policy: Policy
    plugins: Plugins
    embedders: Mapping[str, Plugged]
    providers: Mapping[str, Plugged]
    chains: Mapping[str, ChainConfig]
    strategies: Mapping[str, Plugged]  # the built-in ones with default options among them
    summarizers: Mapping[str, Plugged] = {}  # the same
    hooks: Mapping[str, Plugged] = {}
    upstreams: Mapping[str, Plugged] = {}
    tenants: Mapping[str, TenantConfig]
    keyrings: Mapping[str, KeyringConfig] = {}
    home: Path
    digest: str
    files: tuple[Path, ...]  # everything that was read, to be watched
    hashes: Mapping[Path, str] = {}  # "" where a file could not be read
    reload: Reload = msgspec.field(default_factory=Reload)
    admin: Admin = Admin()
    issuers: Mapping[str, Issuer] = {}
    jobs: Jobs = msgspec.field(default_factory=Jobs)
    receipts: Receipts = Receipts()
    faces: Faces = Faces()

    def strategy(self, tenant: str, name: str) -> Plugged | None:
        """What a strategy name means for a tenant: its own, else the gateway's or a built-in one."""
        return self.strategies.get(f"{tenant}/{name}") or self.strategies.get(name)


class Allowed(msgspec.Struct, frozen=True):
    """A warning that a comment allows: where the comment stands, and its reason."""

    note: Diagnostic
    mark: Mark
    reason: str


class Compiled(msgspec.Struct, frozen=True, kw_only=True):
    """`config` is None only when the gateway's own file is broken. A broken tenant is left out and named here."""

    config: Config | None
    diagnostics: tuple[Diagnostic, ...]
    broken: frozenset[str] = frozenset()
    locked: Mapping[str, TenantConfig] = {}  # broken ones, as far as they could be read: to know their callers by
    files: tuple[Path, ...] = ()  # also when config is None
    hashes: Mapping[Path, str] = {}  # the same
    digest: str = ""
    file: Path = Path()  # the gateway's
    owners: Mapping[Path, str] = {}  # tenant of each included file
    tenants: frozenset[str] = frozenset()  # all that were named, broken or not
    allowed: tuple[Allowed, ...] = ()
    reached: Level = "environment"  # how far the check could go in the gateway's own file
    advised: bool = False  # whether what is missing or unused was asked about: only when there is no error

    def owner(self, note: Diagnostic) -> str:
        return owner_of(note, self.file, self.owners)


def owner_of(note: Diagnostic, file: Path, owners: Mapping[Path, str]) -> str:
    """The tenant that a finding belongs to, "" for the gateway: each answers for what is written in its own text."""
    if note.mark.file != file:
        return owners.get(note.mark.file, note.mark.file.stem)
    return note.path.split("/")[2] if note.path.startswith("/tenants/") else ""
