"""Names of chains, strategies and profiles: each level that names one is asked where it is written."""

from collections.abc import Iterator

from gateway.config.assembly import Assembly
from gateway.config.codes import found
from gateway.config.compiled import RouteConfig
from gateway.config.diagnostics import Diagnostic
from gateway.config.routes import find_key
from gateway.config.suggest import advise
from gateway.config.unit import Unit


def known_names(assembly: Assembly, unit: Unit, *sections: str) -> set[str]:
    """What may be named in a unit: its own declarations and the gateway's, usable or not."""
    units = {id(each): each for each in (unit, assembly.gateway)}.values()
    return {
        name
        for each in units
        for section in sections
        for name in (*getattr(each.written, section, {}), *each.lost_names(section))
    }


def is_known(assembly: Assembly, unit: Unit, name: str, *sections: str) -> bool:
    """Whether `known_names` has it, without listing them all."""
    return any(
        name in getattr(each.written, section, ()) or (each.pruned and name in each.lost_names(section))
        for each in (unit, assembly.gateway)
        for section in sections
    )


def unreadable(assembly: Assembly, unit: Unit, *sections: str) -> bool:
    """Whether a whole section was refused, so that nobody knows which names it held."""
    return any(each.lost(section) for each in (unit, assembly.gateway) for section in sections)


def chain_names(assembly: Assembly) -> Iterator[Diagnostic]:
    for unit, where, layer in assembly.layers():
        if not isinstance(layer.chain, str) or unreadable(assembly, unit, "chains", "providers"):
            continue
        if is_known(assembly, unit, layer.chain, "chains", "providers"):
            continue
        known = known_names(assembly, unit, "chains", "providers")
        at = unit.mark(*where, "chain")
        yield found("MG0301", at, f"there is no chain or provider {layer.chain!r}", advise(layer.chain, known))
    for route in assembly.routes():
        if not isinstance(route.layer.chain, str) and not route.chain and not _unknown_profile(assembly, route):
            hint = "write `chain:` here, in the tenant or in `defaults`, with the name of a chain or provider"
            yield found("MG0312", route.mark, f"nothing says where the route {route.name!r} keeps its records", hint)


def strategy_names(assembly: Assembly) -> Iterator[Diagnostic]:
    for unit, where, layer in assembly.layers():
        if not unit.sets(*where, "retrieval", "strategy") or unreadable(assembly, unit, "strategies"):
            continue
        name = layer.retrieval.strategy
        if find_key(assembly.config.strategies, unit.owner, name) or is_known(assembly, unit, name, "strategies"):
            continue
        at = unit.mark(*where, "retrieval", "strategy")
        if name in assembly.catalog.strategies:
            hint = f"declare it with its options: strategies: {{my-{name}: {{type: {name}, ...}}}}"
            yield found("MG0304", at, f"the strategy {name!r} needs options", hint)
            continue
        known = known_names(assembly, unit, "strategies") | set(assembly.config.strategies)
        visible = {each.removeprefix(f"{unit.owner}/") for each in known}
        yield found("MG0304", at, f"there is no strategy {name!r}", advise(name, {v for v in visible if "/" not in v}))


def profile_names(assembly: Assembly) -> Iterator[Diagnostic]:
    gateway = assembly.gateway
    for name, unit in assembly.tenants.items():
        for index, profile in enumerate(assembly.written(name).profiles):
            if not is_known(assembly, gateway, profile, "profiles") and not gateway.lost("profiles"):
                at = unit.mark("profiles", index)
                known = known_names(assembly, gateway, "profiles")
                yield found("MG0305", at, f"there is no profile {profile!r}", advise(profile, known))


def _unknown_profile(assembly: Assembly, route: RouteConfig) -> bool:
    """Whether a profile that might have named a chain is not there, which is told where it is named."""
    profiles = assembly.written(route.tenant).profiles
    return any(not is_known(assembly, assembly.gateway, name, "profiles") for name in profiles)
