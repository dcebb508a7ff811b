"""The gateway's own file."""

from typing import Annotated, Literal

from msgspec import Meta, field

from gateway.config.model.auth import Issuer
from gateway.config.model.chains import Step
from gateway.config.model.erasure import Receipts
from gateway.config.model.faces import Faces
from gateway.config.model.layer import Layer
from gateway.config.model.sealing import Keyring, SealingFloor
from gateway.config.model.server import Admin, Jobs, Reload, Server
from gateway.config.model.tenant import Tenant
from gateway.config.model.words import Keys, Labels, Name, Plugged
from gateway.domain.units import Duration


class Policy(Keys, frozen=True, kw_only=True):
    """Floors: what no tenant may go below. A violation is an error at the tenant's line."""

    widest_scope: Annotated[
        Literal["run", "user", "agent", "global"], Meta(description="From narrow to wide: run, user, agent, global.")
    ] = "global"
    max_top_k: Annotated[int, Meta(ge=1, le=1000)] = 1000
    max_ttl: Annotated[Duration, Meta(description="Records must not live longer: every route needs a ttl.")] | None = (
        None
    )
    providers: Annotated[tuple[str, ...], Meta(description="Provider types that tenants may declare.")] | None = None
    hooks: Annotated[
        tuple[Name, ...], Meta(description="Hooks of this file that every route must have, in this order.")
    ] = ()
    open_tenants: Annotated[bool, Meta(description="Whether a tenant may go without credentials.")] = True
    encryption: Annotated[SealingFloor, Meta(description="What every route must seal.")] | None = None


class Plugins(Keys, frozen=True, kw_only=True):
    allow: Annotated[
        tuple[str, ...],
        Meta(
            description="Python modules that `custom` plugins and `python` hooks may name; `pkg.*` covers what is below."
        ),
    ] = ()


class References(Keys, frozen=True, kw_only=True):
    """What `${...}` may reach."""

    tenant_env: Annotated[
        tuple[str, ...],
        Meta(
            description="Names, or prefixes ending in *, of environment variables that tenant files may use beside "
            "those that start with TENANT_ and the tenant's own name."
        ),
    ] = ()


class GatewayFile(Keys, frozen=True, kw_only=True):
    """The gateway's own file."""

    version: Literal[1]
    reload: Annotated[Reload, Meta(description="How changes of the files take effect.")] = field(default_factory=Reload)
    admin: Annotated[Admin, Meta(description="Who may steer the gateway as a whole.")] = Admin()
    issuers: Annotated[dict[Name, Issuer], Meta(description="Whose signed tokens let callers in, by name.")] = {}
    server: Annotated[Server, Meta(description="What holds for the server as a whole.")] = field(default_factory=Server)
    jobs: Annotated[Jobs, Meta(description="What is done in the background.")] = field(default_factory=Jobs)
    receipts: Annotated[Receipts, Meta(description="What erasures are proven with.")] = Receipts()
    faces: Annotated[Faces, Meta(description="Which languages it speaks beside its own.")] = Faces()
    plugins: Annotated[Plugins, Meta(description="Which Python code the configuration may name.")] = Plugins()
    secrets: References = References()
    keyrings: Annotated[
        dict[Name, Keyring], Meta(description="Where the keys of sealed routes come from, by name.")
    ] = {}
    embedders: Annotated[
        Plugged, Meta(description="What turns text into vectors, by name. `local` is always there.")
    ] = {}
    providers: Annotated[Plugged, Meta(description="Backends, by name.")] = {}
    chains: Annotated[
        dict[Name, Annotated[tuple[Step, ...], Meta(min_length=1)]],
        Meta(description="How providers work together, by name."),
    ] = {}
    strategies: Annotated[Plugged, Meta(description="Ways to find memories, by name.")] = {}
    hooks: Annotated[
        Plugged,
        Meta(description="What looks at operations, by name; `hooks: [...]` of a layer says which, and their order."),
    ] = {}
    summarizers: Annotated[
        Plugged, Meta(description="What sums up sessions, by name. `extractive` is always there.")
    ] = {}
    upstreams: Annotated[Plugged, Meta(description="Language models that `proxy:` leads to, by name.")] = {}
    profiles: Annotated[dict[Name, Layer], Meta(description="Settings that tenants apply by name.")] = {}
    defaults: Annotated[Layer, Meta(description="Settings for everybody.")] = field(default_factory=Layer)
    policy: Annotated[Policy, Meta(description="Floors: what no tenant may go below.")] = Policy()
    lint: Annotated[
        dict[str, Literal["error", "warning", "off"]],
        Meta(description="Codes of warnings, each to be told as an error, as it is, or not at all."),
    ] = {}
    include: Annotated[
        str | tuple[str, ...], Meta(description="Tenant files, relative to this one: `tenants/*.yaml`.")
    ] = ()
    tenants: Annotated[dict[Name, Tenant], Meta(description="Tenants small enough to stand here.")] = {}
    labels: Labels = {}
