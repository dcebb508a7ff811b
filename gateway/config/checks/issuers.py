"""Issuers of tokens: keys that nobody can change on their way, one place that says the tenant, and names that exist."""

from collections.abc import Iterator
from importlib.util import find_spec
from typing import Final
from urllib.parse import urlsplit

from gateway.config.assembly import Assembly
from gateway.config.codes import found
from gateway.config.diagnostics import Diagnostic, Mark, Related
from gateway.config.model import Issuer
from gateway.config.suggest import advise

_NEAR: Final = ("localhost", "127.0.0.1", "::1")
_NEEDS: Final = ("jwt", "cryptography", "httpx")


def issuers(assembly: Assembly) -> Iterator[Diagnostic]:
    if assembly.tenants:
        yield from _named(assembly)
        return
    unit, declared = assembly.gateway, assembly.config.issuers
    first: dict[str, Mark] = {}
    for name, issuer in declared.items():
        at = unit.mark("issuers", name, "issuer")
        known = first.setdefault(issuer.issuer, at)
        if known != at:
            what = f"issuers.{name}: tokens of this issuer are taken by another entry"
            hint = "keep one; it may have several audiences, and a claim for the tenant"
            yield found("MG0512", at, what, hint, related=(Related(known, "the other"),))
        if why := _unsafe(issuer.jwks):
            hint = "give an https URL, or the path of a file"
            yield found("MG0509", unit.mark("issuers", name, "jwks"), f"issuers.{name}.jwks: {why}", hint)
        yield from _tenant(assembly, name, issuer)
    if declared:
        for module in _NEEDS:
            if find_spec(module) is None:
                what = f"tokens of issuers need the package {module!r}"
                yield found("MG0801", unit.key("issuers"), what, "pip install 'memory-gateway[jwt]'")


def _named(assembly: Assembly) -> Iterator[Diagnostic]:
    """That the issuers a tenant names exist."""
    lost = assembly.gateway.lost_names("issuers")
    for name, unit in assembly.tenants.items():
        for number, each in enumerate(assembly.written(name).auth.issuers or ()):
            if each not in assembly.config.issuers and each not in lost and not assembly.gateway.lost("issuers"):
                at = unit.mark("auth", "issuers", number)
                yield found("MG0511", at, f"there is no issuer {each!r}", advise(each, list(assembly.config.issuers)))


def _tenant(assembly: Assembly, name: str, issuer: Issuer) -> Iterator[Diagnostic]:
    unit = assembly.gateway
    if unit.lost("issuers", name, "tenant") or unit.lost("issuers", name, "claims"):
        return
    if issuer.tenant is None and issuer.claims.tenant is None:
        what = f"issuers.{name}: nothing says whose callers its tokens are"
        hint = "name the claim (`claims: {tenant: org_id}`), or one tenant for all of them (`tenant: acme`)"
        yield found("MG0510", unit.key("issuers", name), what, hint)
    elif issuer.tenant is not None and (issuer.claims.tenant is not None or issuer.tenants):
        what = f"issuers.{name}: the tenant is said twice, for all tokens and by a claim"
        yield found("MG0510", unit.mark("issuers", name, "tenant"), what, "keep one of the two")


def _unsafe(jwks: str) -> str:
    """What is wrong with where keys come from; "" where nothing is."""
    scheme, separator, _ = jwks.partition("://")
    if not separator:
        return ""
    if scheme not in ("https", "http"):
        return "keys come over https or from a file"
    try:
        parts = urlsplit(jwks)
        host = parts.hostname
    except ValueError:
        return "is no URL"
    if not host:
        return "is no URL"
    if parts.username or parts.password:
        return "holds a credential, and public keys need none"
    if scheme == "http" and host not in _NEAR:
        return "whoever is on the way could put keys of their own in place of these"
    return ""
