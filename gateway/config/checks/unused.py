"""What is declared and never used, and a gateway that nobody can use."""

from collections.abc import Iterator

from gateway.config.assembly import Assembly
from gateway.config.codes import found
from gateway.config.diagnostics import Diagnostic
from gateway.config.unit import Unit


def unused(assembly: Assembly) -> Iterator[Diagnostic]:
    used = _used(assembly)
    for unit in assembly.units():
        for section in ("embedders", "providers", "chains", "strategies", "profiles"):
            if section == "profiles" and unit.owner:
                continue  # there they are uses, not declarations
            for name in getattr(unit.written, section, {}):
                if not _is_used(unit, section, name, used):
                    what = f"nothing uses {section}.{name}"
                    yield found("MG0313", unit.key(section, name), what, "remove it, or refer to it")


def no_tenants(assembly: Assembly) -> Iterator[Diagnostic]:
    if not assembly.tenants:
        mark = assembly.gateway.mark("include") if assembly.gateway.sets("include") else assembly.gateway.mark()
        yield found("MG0314", mark, "the gateway has no tenants", "add one under `tenants:`, or `include:` a file")


def _is_used(unit: Unit, section: str, name: str, used: dict[str, set[str]]) -> bool:
    """A strategy under its own type's name changes that type's options, so requests may name it."""
    key = f"{unit.owner}/{name}" if unit.owner else name
    if section == "strategies" and unit.written.strategies[name]["type"] == name:
        return True
    return key in used[section]


def _used(assembly: Assembly) -> dict[str, set[str]]:
    """Keys by section, from the routes down. What a request may choose for itself is used where it may."""
    config = assembly.config
    chains = {route.chain for route in assembly.routes()}
    providers = {step.provider for key in chains for step in config.chains[key].steps}
    chooses = [r for r in assembly.routes() if "strategy" in r.layer.retrieval.overrides]
    strategies = {route.strategy for route in assembly.routes()}
    strategies |= {
        key for key, each in config.strategies.items() if any(r.tenant == each.owner or not each.owner for r in chooses)
    }
    return {
        "chains": chains,
        "providers": providers,
        "embedders": {each.embedder for key, each in config.providers.items() if key in providers and each.embedder},
        "strategies": strategies,
        "profiles": {profile for name in assembly.tenants for profile in assembly.written(name).profiles},
    }
