"""Scopes that contradict themselves: a part can be required, allowed or noted, not two of these."""

from collections.abc import Iterator

from gateway.config.assembly import Assembly
from gateway.config.codes import found
from gateway.config.diagnostics import Diagnostic
from gateway.config.scopes import contradictions

HINT = "name each of user, agent and run at most once"


def scopes(assembly: Assembly) -> Iterator[Diagnostic]:
    single: set[tuple[str, str]] = set()
    for unit, where, layer in assembly.layers():
        for part in contradictions(layer.scope):
            single.add((unit.owner, part))
            yield found("MG0405", unit.mark(*where, "scope"), f"scope names {part} more than once", HINT)
    for route in assembly.routes():
        for part in contradictions(route.layer.scope):
            if (route.tenant, part) not in single and part not in _of_gateway(assembly):
                mark, related = assembly.blame(route, "scope")
                what = f"with all levels merged, the scope of {route.name!r} names {part} more than once"
                yield found("MG0405", mark, what, HINT, related=related)


def _of_gateway(assembly: Assembly) -> set[str]:
    """The parts with which a level of the gateway's file contradicts itself, which is told there."""
    return {part for _, _, layer in assembly.gateway.layers() for part in contradictions(layer.scope)}
