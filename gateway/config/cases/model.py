"""The language of config tests as types: `*.test.yaml`. Its schema is generated from here, like the others."""

from typing import Annotated, Any, TypeAlias

from msgspec import Meta, field

from gateway.config.model import Keys, Name, Op
from gateway.domain.principal import Role
from gateway.domain.record import Family
from gateway.domain.units import Duration

Text: TypeAlias = Annotated[str, Meta(min_length=1)]


class Caller(Keys, frozen=True, kw_only=True):
    """Who calls: an API key of the tenant, or anybody with these roles."""

    key: Annotated[str, Meta(description="Public id of an API key of the tenant.")] | None = None
    roles: Annotated[tuple[Role, ...], Meta(description="Without them, all.")] | None = None
    user: Annotated[str, Meta(description="The only user this caller may name.")] | None = None
    claims: dict[str, Any] = {}


class Asked(Keys, frozen=True, kw_only=True):
    """The request, as far as a route is chosen by it."""

    op: Annotated[Op, Meta(description="Left out, it is `add` or `search` where the case has one, else `search`.")] | (
        None
    ) = None
    kind: Family = Family.MEMORY
    route: Annotated[str, Meta(description="As if the request named it.")] = ""
    user: str = ""
    agent: str = ""
    run: str = ""
    headers: dict[str, str] = {}


class Given(Keys, frozen=True, kw_only=True):
    """A memory that is stored before the request is made; by a caller who may do everything, in the request's scope."""

    content: Text
    age: Annotated[Duration, Meta(description="How long ago it was stored.")] | None = None
    metadata: dict[str, Any] = {}
    user: Annotated[str, Meta(description="Instead of the request's.")] | None = None
    agent: Annotated[str, Meta(description="Instead of the request's.")] | None = None
    run: Annotated[str, Meta(description="Instead of the request's.")] | None = None


class Add(Keys, frozen=True, kw_only=True):
    """A memory that the request stores."""

    content: Text
    metadata: dict[str, Any] = {}
    role: str | None = None
    ttl: Duration | None = None


class Search(Keys, frozen=True, kw_only=True):
    """What the request searches for. What is left out is the route's own setting."""

    query: str = ""
    top_k: Annotated[int, Meta(ge=1)] | None = None
    strategy: str | None = None
    min_relevance: Annotated[float, Meta(ge=0, le=1)] | None = None
    time_window_hours: Annotated[float, Meta(gt=0)] | None = None
    max_tokens: Annotated[int, Meta(ge=1)] | None = None
    filters: dict[str, Any] = {}


class Stored(Keys, frozen=True, kw_only=True):
    """What the backend holds in the request's scope afterwards."""

    contains: Annotated[tuple[Text, ...], Meta(description="Each is a part of some stored memory.")] = ()
    not_contains: Annotated[tuple[Text, ...], Meta(description="None is a part of any.")] = ()


class ScopeOf(Keys, frozen=True, kw_only=True):
    """The owner that a new record gets; `""` says that it has no such part."""

    space: str | None = None
    user: str | None = None
    agent: str | None = None
    run: str | None = None


class Expected(Keys, frozen=True, kw_only=True):
    """All of it must hold."""

    route: Name | None = None
    chain: Annotated[str, Meta(description="A chain, or a provider that stands alone.")] | None = None
    provider: Annotated[str, Meta(description="Where the route's records end up.")] | None = None
    refused: Annotated[str, Meta(description="The error code that the request ends in.", min_length=1)] | None = None
    effective: Annotated[
        dict[str, Any], Meta(description="Settings of the route by their dotted path, as `render` shows them.")
    ] = {}
    scope: ScopeOf | None = None
    stored: Stored | None = None
    found: Annotated[tuple[Text, ...], Meta(description="Each is a part of some result.")] = ()
    not_found: Annotated[tuple[Text, ...], Meta(description="None is a part of any result.")] = ()


class Case(Keys, frozen=True, kw_only=True):
    name: Annotated[str, Meta(min_length=1, description="A sentence: what the configuration promises.")]
    tenant: Annotated[Name, Meta(description="Left out, it is the file's.")] | None = None
    caller: Annotated[Caller, Meta(description="Left out, a caller who may do everything.")] = field(
        name="as", default=Caller()
    )
    request: Asked = Asked()
    given: Annotated[tuple[Text | Given, ...], Meta(description="Memories that are stored first.")] = ()
    add: Annotated[Add, Meta(description="The request stores this.")] | None = None
    search: Annotated[Search, Meta(description="The request searches this.")] | None = None
    expect: Expected


class CaseFile(Keys, frozen=True, kw_only=True):
    """Tests of a configuration: requests, and what must become of them."""

    target: Annotated[str, Meta(min_length=1, description="The gateway's file, or its folder; relative to this one.")]
    tenant: Annotated[Name, Meta(description="Of every case that names none.")] | None = None
    env: Annotated[
        dict[str, str], Meta(description="Variables for the references of the configuration, over the process's own.")
    ] = {}
    cases: Annotated[tuple[Case, ...], Meta(min_length=1)]
    labels: Annotated[dict[str, Any], Meta(description="Free for your own use.")] = {}
