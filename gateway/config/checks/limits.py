"""A route's own limits against its own settings."""

from collections.abc import Iterator

from gateway.config.assembly import Assembly
from gateway.config.codes import found
from gateway.config.diagnostics import Diagnostic


def limits(assembly: Assembly) -> Iterator[Diagnostic]:
    for route in assembly.routes():
        wanted, limit = route.layer.retrieval.top_k, route.layer.limits.max_top_k
        if wanted > limit:
            mark, related = assembly.blame(route, "retrieval.top_k", "limits.max_top_k")
            what = f"the route {route.name!r} returns {wanted} memories, but its limits.max_top_k is {limit}"
            yield found("MG0409", mark, what, f"set top_k to {limit} or less, or raise the limit", related=related)
