"""Signed tokens (JWT) to Principals: who signed, for whom, until when, and what the claims come to here.

Sync: what is known is answered at once, and nothing is awaited. Only a key that is not there yet makes an Unsettled,
which says what to wait for before asking again. Never logs, keeps or quotes a token.
"""

import asyncio
import base64
import binascii
import hashlib
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final, NamedTuple, NoReturn, cast

import msgspec

from gateway.auth.keyset import KeySet
from gateway.domain.errors import Forbidden, Unauthenticated, Unavailable
from gateway.domain.principal import Principal, Role
from gateway.domain.record import Family
from gateway.domain.scope import fingerprint

LONGEST: Final = 16 * 1024  # characters of a token
REMEMBERED: Final = 10_000  # tokens that were found good
PATIENCE: Final = 2.0  # seconds that a request waits for keys


class Trust(msgspec.Struct, frozen=True, kw_only=True):
    """One issuer that is believed, and what its claims mean."""

    name: str
    issuer: str
    audiences: frozenset[str]
    algorithms: frozenset[str]
    keys: KeySet
    leeway: float = 60.0
    tenant: str = ""  # of every token; "" where `tenant_claim` says it
    tenant_claim: str = ""
    tenant_words: Mapping[str, str] = {}  # what the claim's values mean; empty where they are names
    user_claim: str = "sub"
    bind_user: bool = True
    roles_claim: str = ""
    role_words: Mapping[str, frozenset[Role]] = {}  # empty where the words are roles' names
    default_roles: frozenset[Role] = frozenset()
    kinds: frozenset[Family] | None = None


class Unsettled(Unavailable):
    """Whether a token is good is known only when its issuer's keys have been read. Shown as it is, it is a 503."""

    def __init__(self, looking: "asyncio.Task[bool]") -> None:
        super().__init__(
            "the keys of this token's issuer are being read", code="issuer_keys", headers={"Retry-After": "1"}
        )
        self._looking = looking

    async def settle(self) -> None:
        """Returns when the look has ended, or after `PATIENCE`. The look goes on, whoever stops waiting."""
        await asyncio.wait([self._looking], timeout=PATIENCE)


class Unseen(Unauthenticated):
    """A token that would have to be verified first, where that was not wanted."""


class _Good(NamedTuple):
    principal: Principal
    since: float
    until: float
    keys: KeySet
    version: int


class Tokens:
    """`tenants` are all that are known, each with the names of the issuers it believes, or None for all of them."""

    def __init__(self, trusts: Iterable[Trust], tenants: Mapping[str, frozenset[str] | None]) -> None:
        self._trusts = {trust.issuer: trust for trust in trusts}
        self._tenants = tenants
        self._good: dict[bytes, _Good] = {}

    def identify(self, token: str, now: datetime, *, verify: bool = True) -> Principal:
        """Unauthenticated for what is not good, Forbidden for what is good and not for here, Unavailable and
        Unsettled where nobody can tell. With `verify` off, nothing is computed: Unseen for what is not remembered.
        """
        if len(token) > LONGEST:
            _refuse("is too long")
        at = now.timestamp()
        digest = hashlib.sha256(token.encode(errors="surrogateescape")).digest()
        good = self._good.get(digest)
        if good is not None and good.since <= at < good.until and good.version == good.keys.version:
            return good.principal
        if not verify:
            raise Unseen("this token is not known here")
        trust, claims = self._verified(token, at)
        made = _Good(
            principal=self._principal(trust, claims),
            since=float(claims.get("nbf", 0)) - trust.leeway,
            until=float(claims["exp"]) + trust.leeway,
            keys=trust.keys,
            version=trust.keys.version,
        )
        self._remember(digest, made)
        return made.principal

    def _remember(self, digest: bytes, made: _Good) -> None:
        self._good.pop(digest, None)
        while len(self._good) >= REMEMBERED:
            del self._good[next(iter(self._good))]  # the oldest
        self._good[digest] = made

    def _verified(self, token: str, at: float) -> tuple[Trust, Mapping[str, Any]]:
        """Everything that costs little is asked first; the signature last, and nothing is believed before it."""
        header, claims = _opened(token)
        issuer = claims.get("iss")
        trust = self._trusts.get(issuer) if isinstance(issuer, str) else None
        if trust is None:
            _refuse("is of an issuer that is not known here")
        algorithm, id_ = header.get("alg"), header.get("kid", "")
        if not isinstance(algorithm, str) or algorithm not in trust.algorithms or not isinstance(id_, str):
            _refuse("is not signed in a way that is accepted here")
        if "crit" in header:
            _refuse("asks for what is not understood here")
        _check_times(claims, at, trust.leeway)
        audience = claims.get("aud")
        meant = cast("list[Any]", audience) if isinstance(audience, list) else [audience]
        if not any(isinstance(each, str) and each in trust.audiences for each in meant):
            _refuse("is meant for somebody else")
        key = trust.keys.find(id_, algorithm)
        if key is None:
            looking = trust.keys.look()
            if looking is not None:
                raise Unsettled(looking)
            if not trust.keys.there:
                raise Unavailable(
                    "the keys of this token's issuer cannot be read", code="issuer_keys", headers={"Retry-After": "1"}
                )
            _refuse("is signed with a key that its issuer does not show")
        if not _signed(token, key.public, algorithm):
            _refuse("is not signed by its issuer")
        return trust, claims

    def _principal(self, trust: Trust, claims: Mapping[str, Any]) -> Principal:
        tenant = trust.tenant or _text(claims, trust.tenant_claim)
        if not trust.tenant and trust.tenant_words:
            tenant = trust.tenant_words.get(tenant, "")
        believed = self._tenants.get(tenant, frozenset()) if tenant else frozenset[str]()
        if believed is not None and trust.name not in believed:
            # One answer for a tenant that is not there and one that believes others: neither is told.
            raise Forbidden("this token's tenant is not known here", code="unknown_tenant")
        user = _text(claims, trust.user_claim)
        if trust.bind_user and not user:
            raise Forbidden("this token names no user", code="token_without_user")
        subject = _text(claims, "sub") or user
        return Principal(
            # Not the subject itself, which is a person's name in many places; and no two subjects share one.
            id=f"{trust.name}.{hashlib.sha256(fingerprint(trust.issuer, subject)).hexdigest()[:16]}",
            tenant=tenant,
            roles=_roles(trust, claims),
            user=user if trust.bind_user else "",
            claims=claims,
            kinds=trust.kinds,
        )


def looks_like_token(text: str) -> bool:
    return text.count(".") == 2


def _opened(token: str) -> tuple[dict[str, Any], dict[str, Any]]:
    try:
        header, claims = (_json(part) for part in token.split(".")[:2])
    except (ValueError, binascii.Error, msgspec.DecodeError, UnicodeError, RecursionError):
        _refuse("cannot be read")
    return header, claims


def _json(part: str) -> dict[str, Any]:
    raw = base64.b64decode(part.encode("ascii") + b"=" * (-len(part) % 4), altchars=b"-_", validate=True)
    return msgspec.json.decode(raw, type=dict[str, Any])


def _check_times(claims: Mapping[str, Any], at: float, leeway: float) -> None:
    ends, starts, made = (_number(claims, name) for name in ("exp", "nbf", "iat"))
    if ends is None:
        _refuse("never ends, which is not accepted")
    if at >= ends + leeway:
        _refuse("has expired")
    if max(starts or 0.0, made or 0.0) > at + leeway:
        _refuse("is not valid yet")


def _number(claims: Mapping[str, Any], name: str) -> float | None:
    value = claims.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < 1e12:
        _refuse("has a time that is none")
    return float(value)


def _signed(token: str, public: Any, algorithm: str) -> bool:
    from jwt import PyJWS
    from jwt.exceptions import PyJWTError

    try:
        PyJWS().decode(token, public, algorithms=[algorithm])
    except (PyJWTError, ValueError, TypeError):
        return False
    return True


def _roles(trust: Trust, claims: Mapping[str, Any]) -> frozenset[Role]:
    if not trust.roles_claim:
        return trust.default_roles
    value = _at(claims, trust.roles_claim)
    words = value.split() if isinstance(value, str) else cast("list[Any]", value) if isinstance(value, list) else []
    known = trust.role_words or {role.value: frozenset({role}) for role in Role}
    return frozenset(role for word in words if isinstance(word, str) for role in known.get(word, ()))


def _at(claims: Mapping[str, Any], path: str) -> Any:
    """A claim by its whole name, which may hold dots as URLs do; else by its path."""
    if path in claims:
        return claims[path]
    value: Any = claims
    for step in path.split("."):
        if not isinstance(value, Mapping):
            return None
        value = cast("Mapping[str, Any]", value).get(step)
    return value


def _text(claims: Mapping[str, Any], path: str) -> str:
    value = _at(claims, path) if path else None
    return str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""


def _refuse(why: str) -> NoReturn:
    raise Unauthenticated(
        f"this token {why}", code="token_refused", headers={"WWW-Authenticate": 'Bearer error="invalid_token"'}
    )
