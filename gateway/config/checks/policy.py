"""The policy's floors against every route as it will be, whatever level set it. Told at the tenant's line."""

from collections.abc import Iterator
from typing import Final

from gateway.config.assembly import Assembly
from gateway.config.codes import found
from gateway.config.compiled import RouteConfig
from gateway.config.diagnostics import Diagnostic, Related
from gateway.config.suggest import advise
from gateway.domain.scope import ScopeRule

WIDTHS: Final = ("run", "user", "agent", "global")  # from narrow to wide


def policy(assembly: Assembly) -> Iterator[Diagnostic]:
    for route in assembly.routes():
        yield from _scope(assembly, route)
        yield from _top_k(assembly, route)
        yield from _ttl(assembly, route)
    yield from _providers(assembly)


def width(rule: ScopeRule) -> str:
    """How wide a scope can get: by the narrowest part that is always there, and of alternatives the widest."""
    always = [WIDTHS.index(part) for part in rule.require]
    if rule.any_of:
        always.append(max(WIDTHS.index(part) for part in rule.any_of))
    return WIDTHS[min(always, default=WIDTHS.index("global"))]


def _scope(assembly: Assembly, route: RouteConfig) -> Iterator[Diagnostic]:
    widest, wide = assembly.config.policy.widest_scope, width(route.scope)
    if WIDTHS.index(wide) > WIDTHS.index(widest):
        mark, related = assembly.blame(route, "scope")
        what = f"the scope of {route.name!r} is as wide as {wide}; the policy allows {widest}"
        rule = Related(assembly.gateway.mark("policy", "widest_scope"), "the policy")
        yield found(
            "MG0601", mark, what, f"require {' or '.join(WIDTHS[: WIDTHS.index(widest) + 1])}", related=(*related, rule)
        )


def _top_k(assembly: Assembly, route: RouteConfig) -> Iterator[Diagnostic]:
    most = assembly.config.policy.max_top_k
    settings = {
        "retrieval.top_k": route.layer.retrieval.top_k,
        "limits.max_top_k": route.layer.limits.max_top_k,  # what a request may ask for
    }
    for path, value in settings.items():
        if value > most:
            mark, related = assembly.blame(route, path)
            what = f"{path} of {route.name!r} is {value}; the policy allows {most}"
            rule = Related(assembly.gateway.mark("policy", "max_top_k"), "the policy")
            yield found("MG0602", mark, what, f"set {path} to {most} or less", related=(*related, rule))


def _ttl(assembly: Assembly, route: RouteConfig) -> Iterator[Diagnostic]:
    longest, ttl = assembly.config.policy.max_ttl, route.layer.ttl
    if longest is None or (ttl is not None and ttl.seconds <= longest.seconds):
        return
    mark, related = assembly.blame(route, "ttl")
    lives = f"for {ttl.text}" if ttl else "for ever"
    what = f"records of {route.name!r} live {lives}; the policy allows {longest.text}"
    rule = Related(assembly.gateway.mark("policy", "max_ttl"), "the policy")
    yield found("MG0603", mark, what, f"set ttl: {longest.text}, or less", related=(*related, rule))


def _providers(assembly: Assembly) -> Iterator[Diagnostic]:
    allowed = assembly.config.policy.providers
    for provider in assembly.declared("providers"):
        if allowed is not None and provider.owner and provider.type_name not in allowed:
            at = assembly.unit(provider.owner).mark("providers", provider.name, "type")
            what = f"tenants may not declare providers of the type {provider.type_name!r}"
            rule = (Related(assembly.gateway.mark("policy", "providers"), "the policy"),)
            yield found("MG0604", at, what, advise(provider.type_name, allowed), related=rule)
