"""Routes that tie: equal priority, equal specificity, and a request that fits both. File order never decides."""

from collections.abc import Iterator
from itertools import combinations

from gateway.config.assembly import Assembly
from gateway.config.codes import found
from gateway.config.compiled import RouteConfig
from gateway.config.diagnostics import Diagnostic, Related
from gateway.config.overlap import specificity, witness


def ties(assembly: Assembly) -> Iterator[Diagnostic]:
    for tenant in assembly.config.tenants.values():
        for one, other in combinations(assembly.routes_of(tenant), 2):
            request = _both(one, other)
            if request is None:
                continue
            first, second = sorted((one, other), key=lambda each: each.mark)
            example = ", ".join(f"{name}={value}" for name, value in request.items()) or "any request"
            family = min(one.families & other.families)
            yield found(
                "MG0307",
                second.mark,
                f"the routes {first.name!r} and {second.name!r} tie: both take a {family} request with {example}",
                "give one a priority, or make the matches exclude each other",
                related=(Related(first.mark, f"the other route, {first.name!r}"),),
            )


def _both(one: RouteConfig, other: RouteConfig) -> dict[str, str] | None:
    """A request that neither priority, specificity nor families keep apart."""
    if one.match is None or other.match is None or not one.families & other.families:
        return None
    if one.priority != other.priority or specificity(one.match) != specificity(other.match):
        return None
    request = witness(one.match, other.match)
    return None if request is None else dict(request)
