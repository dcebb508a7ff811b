"""Who may call, from a Config: credentials of keys, trust in issuers, and the Gate that both are put into.

The one place where an API key or an issuer of the config language becomes what `auth` knows.
"""

from collections.abc import Iterable, Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Final

from gateway.auth.gate import Credential, Gate
from gateway.auth.keyset import KeySet, Source
from gateway.auth.keysets import KeySets
from gateway.auth.tokens import Tokens, Trust
from gateway.config.compiled import Config, TenantConfig
from gateway.config.model import Admin, ApiKey, Issuer
from gateway.domain.filtering import read_time
from gateway.domain.principal import Principal, Role

STEERING: Final = frozenset({Role.OPERATOR, Role.AUDITOR})


def principal_of_key(tenant: str, key: ApiKey) -> Principal:
    return Principal(
        id=name_of_key(key),
        tenant=tenant,
        roles=frozenset(key.roles),
        user=key.user or "",
        claims=key.claims,
        kinds=None if key.kinds is None else frozenset(key.kinds),
    )


def name_of_key(key: ApiKey) -> str:
    return key.id or key.hash[7:19]


def credential_of(tenant: str, key: ApiKey) -> Credential:
    return Credential(
        hash=key.hash.removeprefix("sha256:"),
        principal=principal_of_key(tenant, key),
        not_before=read_time(key.not_before, "not_before") if key.not_before else None,
        expires=read_time(key.expires, "expires") if key.expires else None,
    )


def admin_gate(admin: Admin) -> Gate:
    """Its principals have no tenant, so they reach nobody's records."""
    return Gate(
        Credential(
            hash=key.hash.removeprefix("sha256:"),
            principal=Principal(id=key.id or key.hash[7:19], tenant="", roles=STEERING),
        )
        for key in admin.api_keys
    )


def gate(tenants: Iterable[TenantConfig], locked: Iterable[TenantConfig] = (), trusts: Iterable[Trust] = ()) -> Gate:
    """All credentials. Those of locked tenants are known too, so that their callers learn what is wrong."""
    credentials: list[Credential] = []
    believed: dict[str, frozenset[str] | None] = {}
    open_to: Principal | None = None
    for tenant in [*locked, *tenants]:
        if tenant.auth.mode == "open":
            open_to = Principal(id="open", tenant=tenant.name, roles=frozenset(Role))
        credentials += (credential_of(tenant.name, key) for key in tenant.auth.api_keys)
        named = tenant.auth.issuers
        believed[tenant.name] = None if named is None else frozenset(named)
    known = tuple(trusts)
    return Gate(credentials, open_to, Tokens(known, believed) if known else None)


async def trusts_of(config: Config, sets: KeySets, stack: AsyncExitStack) -> list[Trust]:
    """The issuers of the config. Their keys are read from now on, until the stack closes; none is waited for here."""
    return [
        trust_of(name, issuer, await sets.acquire(source_of(issuer, config.home), stack))
        for name, issuer in config.issuers.items()
    ]


def source_of(issuer: Issuer, home: Path) -> Source:
    remote = issuer.jwks.startswith(("https://", "http://"))
    return Source(
        place=issuer.jwks if remote else str(home / issuer.jwks),
        refresh=issuer.refresh.seconds,
        max_stale=issuer.max_stale.seconds,
    )


def trust_of(name: str, issuer: Issuer, keys: KeySet) -> Trust:
    claims = issuer.claims
    words: Mapping[str, frozenset[Role]] = {word: frozenset(roles) for word, roles in issuer.roles.items()}
    return Trust(
        name=name,
        issuer=issuer.issuer,
        audiences=frozenset([issuer.audience] if isinstance(issuer.audience, str) else issuer.audience),
        algorithms=frozenset(issuer.algorithms),
        keys=keys,
        leeway=issuer.leeway.seconds,
        tenant=issuer.tenant or "",
        tenant_claim=claims.tenant or "",
        tenant_words=issuer.tenants,
        user_claim=claims.user,
        bind_user=issuer.bind_user,
        roles_claim=claims.roles or "",
        role_words=words,
        default_roles=frozenset(issuer.default_roles),
        kinds=None if issuer.kinds is None else frozenset(issuer.kinds),
    )
