"""One tenant: its routes, and who may call."""

from typing import Annotated, Literal, TypeAlias

from msgspec import Meta

from gateway.config.model.auth import Auth
from gateway.config.model.chains import Step
from gateway.config.model.layer import Layer
from gateway.config.model.words import Keys, Labels, Name, Patterns, Plugged
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


class Tenant(Layer, frozen=True, kw_only=True):
    auth: Auth = Auth()
    profiles: Annotated[tuple[Name, ...], Meta(description="Applied in order, under what is written here.")] = ()
    providers: Plugged = {}
    chains: dict[Name, Annotated[tuple[Step, ...], Meta(min_length=1)]] = {}
    strategies: Plugged = {}
    own_hooks: Annotated[
        Plugged, Meta(description="Hooks of this tenant alone, by name; `hooks` and `routes.*.hooks` name them.")
    ] = {}
    summarizers: Plugged = {}
    upstreams: Plugged = {}
    routes: Annotated[dict[Name, Route], Meta(min_length=1)] = {}
    labels: Labels = {}


class TenantFile(Tenant, frozen=True, kw_only=True):
    """A file of its own for one tenant."""

    tenant: Name
