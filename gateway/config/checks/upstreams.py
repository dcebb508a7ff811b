"""Proxies: the upstream that a level names is there, and the route holds memories, which are what it adds and keeps."""

from collections.abc import Iterator

from gateway.config.assembly import Assembly
from gateway.config.checks.names import is_known, known_names, unreadable
from gateway.config.codes import found
from gateway.config.diagnostics import Diagnostic
from gateway.config.suggest import advise
from gateway.domain.record import Family


def upstream_names(assembly: Assembly) -> Iterator[Diagnostic]:
    for unit, where, layer in assembly.layers():
        name = layer.proxy.upstream
        if name is None or unreadable(assembly, unit, "upstreams") or is_known(assembly, unit, name, "upstreams"):
            continue
        known = known_names(assembly, unit, "upstreams")
        at = unit.mark(*where, "proxy", "upstream")
        yield found("MG0323", at, f"there is no upstream {name!r}", advise(name, known))


def proxies(assembly: Assembly) -> Iterator[Diagnostic]:
    for route in assembly.routes():
        if "proxy.upstream" not in route.origins or route.origins["proxy.upstream"].layer != "route":
            continue  # a level above may say it for all, and those that hold no memories have no use for it
        if Family.MEMORY not in route.families:
            mark, related = assembly.blame(route, "proxy.upstream")
            what = f"the route {route.name!r} leads to a language model and holds no memories"
            yield found("MG0413", mark, what, "add `memory` to its kinds, or take away `proxy`", related=related)
