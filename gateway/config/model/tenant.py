"""One tenant: its routes, and who may call."""

from typing import Annotated, Any, Literal, TypeAlias

from msgspec import Meta

from gateway.config.model.chains import Step
from gateway.config.model.layer import Layer
from gateway.config.model.words import Keys, Labels, Name, Patterns, Plugged
from gateway.domain.principal import Role
from gateway.domain.record import Family

Op: TypeAlias = Literal["add", "get", "list", "search", "update", "delete"]


class Match(Keys, frozen=True, kw_only=True):
    """Which requests a route takes. All conditions must hold; of a list, one."""

    op: Op | tuple[Op, ...] | None = None
    user: Patterns | None = None
    agent: Patterns | None = None
    run: Patterns | None = None
    header: dict[str, Patterns] = {}
    claim: dict[str, Patterns] = {}


class Route(Layer, frozen=True, kw_only=True):
    default: Annotated[bool, Meta(description="Takes what no other route of its kinds takes.")] = False
    match: Match | None = None
    priority: int = 0
    kinds: Annotated[tuple[Family, ...], Meta(min_length=1, description="What this route may hold.")] = (Family.MEMORY,)
    labels: Labels = {}


class ApiKey(Keys, frozen=True, kw_only=True):
    hash: Annotated[str, Meta(pattern=r"^sha256:[0-9a-f]{64}$", description="As `memory-gateway keys new` prints it.")]
    id: Annotated[str, Meta(description="Public name, for logs.", pattern=r"^[A-Za-z0-9._-]{1,64}$")] | None = None
    roles: Annotated[tuple[Role, ...], Meta(min_length=1)] = (Role.READER, Role.WRITER)
    user: Annotated[str, Meta(min_length=1, description="The only user this key may name.")] | None = None
    expires: Annotated[str, Meta(description="ISO 8601 time after which the key is refused.")] | None = None
    claims: Annotated[dict[str, Any], Meta(description="Facts for {claim.…} templates and route matches.")] = {}
    labels: Labels = {}


class Auth(Keys, frozen=True, kw_only=True):
    mode: Annotated[
        Literal["keys", "open"], Meta(description="open: no credential needed; refused unless bound to loopback.")
    ] = "keys"
    api_keys: tuple[ApiKey, ...] = ()


class Tenant(Layer, frozen=True, kw_only=True):
    auth: Auth = Auth()
    profiles: Annotated[tuple[Name, ...], Meta(description="Applied in order, under what is written here.")] = ()
    providers: Plugged = {}
    chains: dict[Name, Annotated[tuple[Step, ...], Meta(min_length=1)]] = {}
    strategies: Plugged = {}
    routes: Annotated[dict[Name, Route], Meta(min_length=1)] = {}
    labels: Labels = {}


class TenantFile(Tenant, frozen=True, kw_only=True):
    """A file of its own for one tenant."""

    tenant: Name
