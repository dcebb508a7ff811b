"""Who may call: the keys of a tenant, and the issuers whose signed tokens are believed."""

from typing import Annotated, Any, Literal, TypeAlias

from msgspec import Meta, field

from gateway.config.model.words import Keys, Labels, Name
from gateway.domain.principal import Role
from gateway.domain.record import Family
from gateway.domain.units import Duration

# None for the unsigned, none with a shared secret: a public key would pass for that secret.
Algorithm: TypeAlias = Literal["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"]
Text: TypeAlias = Annotated[str, Meta(min_length=1)]


class ApiKey(Keys, frozen=True, kw_only=True):
    hash: Annotated[str, Meta(pattern=r"^sha256:[0-9a-f]{64}$", description="As `memory-gateway keys new` prints it.")]
    id: Annotated[str, Meta(description="Public name, for logs.", pattern=r"^[A-Za-z0-9._-]{1,64}$")] | None = None
    roles: Annotated[tuple[Role, ...], Meta(min_length=1)] = (Role.READER, Role.WRITER)
    kinds: (
        Annotated[tuple[Family, ...], Meta(min_length=1, description="What it may touch; without this, everything.")]
        | None
    ) = None
    user: Annotated[str, Meta(min_length=1, description="The only user this key may name.")] | None = None
    not_before: Annotated[str, Meta(description="ISO 8601 time before which the key is refused.")] | None = None
    expires: Annotated[str, Meta(description="ISO 8601 time after which the key is refused.")] | None = None
    claims: Annotated[dict[str, Any], Meta(description="Facts for {claim.…} templates and route matches.")] = {}
    labels: Labels = {}


class Auth(Keys, frozen=True, kw_only=True):
    mode: Annotated[
        Literal["keys", "open"], Meta(description="open: no credential needed; refused unless bound to loopback.")
    ] = "keys"
    api_keys: tuple[ApiKey, ...] = ()
    issuers: (
        Annotated[tuple[Name, ...], Meta(description="Whose tokens let in; without this, those of every issuer.")]
        | None
    ) = None


class TokenClaims(Keys, frozen=True, kw_only=True):
    """Where in a token each thing stands: the name of a claim, or a dotted path into it."""

    tenant: Annotated[Text, Meta(description="Without it, `tenant` of the issuer says it for every token.")] | None = (
        None
    )
    user: Text = "sub"
    roles: (
        Annotated[Text, Meta(description="A list, or words with spaces between. Without it, `default_roles` hold.")]
        | None
    ) = None


class Issuer(Keys, frozen=True, kw_only=True):
    """Somebody who signs tokens (JWT) that let callers in: an OpenID provider, or a service of your own."""

    issuer: Annotated[str, Meta(min_length=1, description="The claim `iss`, letter by letter.")]
    audience: Annotated[
        Text | Annotated[tuple[Text, ...], Meta(min_length=1)],
        Meta(description="The claim `aud` of tokens that are meant for this gateway; of several, one."),
    ]
    jwks: Annotated[
        str,
        Meta(min_length=1, description="Its public keys (JWKS): an https URL, or a file, relative to this one."),
    ]
    algorithms: Annotated[tuple[Algorithm, ...], Meta(min_length=1, description="Signatures that are accepted.")] = (
        "RS256",
        "ES256",
        "EdDSA",
    )
    claims: Annotated[TokenClaims, Meta(description="Which claim says what.")] = TokenClaims()
    tenant: Annotated[Name, Meta(description="Whose callers all its tokens are.")] | None = None
    tenants: Annotated[
        dict[str, Name],
        Meta(description="Value of the tenant's claim -> tenant, and no others. Without it, the value is the name."),
    ] = {}
    roles: Annotated[
        dict[str, tuple[Role, ...]],
        Meta(description="Word of the roles' claim -> roles, and no others. Without it, the names of roles count."),
    ] = {}
    default_roles: Annotated[
        tuple[Role, ...], Meta(description="Of every token, where no claim is named for roles.")
    ] = (Role.READER, Role.WRITER)
    kinds: (
        Annotated[tuple[Family, ...], Meta(min_length=1, description="What they may touch; without this, everything.")]
        | None
    ) = None
    bind_user: Annotated[
        bool, Meta(description="Whether a token may name no user but its own; false is for your servers' tokens.")
    ] = True
    leeway: Annotated[Duration, Meta(description="How far clocks may be apart.")] = field(
        default_factory=lambda: Duration("60s")
    )
    refresh: Annotated[Duration, Meta(description="How often its keys are read again.")] = field(
        default_factory=lambda: Duration("10m")
    )
    max_stale: Annotated[Duration, Meta(description="How old its keys may get while they cannot be read.")] = field(
        default_factory=lambda: Duration("24h")
    )
    labels: Labels = {}
