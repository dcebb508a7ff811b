"""What is declared and never used, and a gateway that nobody can use."""

from collections.abc import Iterator

from gateway.config.assembly import Assembly
from gateway.config.codes import found
from gateway.config.crowd import Crowd
from gateway.config.diagnostics import Diagnostic
from gateway.config.sameness import keyring_of
from gateway.config.unit import Unit
from gateway.domain.record import Family

SECTIONS = (
    "embedders",
    "keyrings",
    "providers",
    "chains",
    "strategies",
    "summarizers",
    "upstreams",
    "hooks",
    "profiles",
)


def unused(assembly: Assembly) -> Iterator[Diagnostic]:
    """What a tenant declares for itself. Of the gateway, only all tenants together know (`unused_by_all`)."""
    used = {(section, key) for section, keys in _used(assembly).items() for key in keys}
    for name, unit in assembly.tenants.items():
        own = {(section, key.removeprefix(f"{name}/")) for section, key in used if key.startswith(f"{name}/")}
        own |= {("own_hooks", hook) for section, hook in own if section == "hooks"}
        yield from _told(
            unit, own, (*SECTIONS[:-2], "own_hooks")
        )  # its `hooks` and `profiles` are uses, not declarations


def unused_by_all(crowd: Crowd) -> Iterator[Diagnostic]:
    used = {each for stake in crowd.tenants() for each in stake.uses}
    yield from _told(crowd.gateway, used, SECTIONS)


def no_tenants(crowd: Crowd) -> Iterator[Diagnostic]:
    if not crowd.tenants():
        mark = crowd.gateway.mark("include") if crowd.gateway.sets("include") else crowd.gateway.mark()
        yield found("MG0314", mark, "the gateway has no tenants", "add one under `tenants:`, or `include:` a file")


def uses_of(assembly: Assembly) -> frozenset[tuple[str, str]]:
    """The declarations of the gateway that a tenant without errors needs."""
    return frozenset((section, key) for section, keys in _used(assembly).items() for key in keys if "/" not in key)


def _told(unit: Unit, used: set[tuple[str, str]], sections: tuple[str, ...]) -> Iterator[Diagnostic]:
    for section in sections:
        for name in getattr(unit.written, section, {}):
            # A strategy under its own type's name changes that type's options, so requests may name it.
            if section == "strategies" and unit.written.strategies[name]["type"] == name:
                continue
            if (section, name) not in used:
                what = f"nothing uses {section}.{name}"
                yield found("MG0313", unit.key(section, name), what, "remove it, or refer to it")


def _used(assembly: Assembly) -> dict[str, set[str]]:
    """Keys by section, from the routes down. What a request may choose for itself is used where it may."""
    config = assembly.config
    routes = list(assembly.routes())
    chains = {route.chain for route in routes}
    providers = {step.provider for key in chains for step in config.chains[key].steps}
    providers |= {route.archive for route in routes if route.archive}
    rings = [ring for route in routes if (ring := keyring_of(config, route)) is not None]
    providers |= {ring.store.key for ring in rings if ring.store.key in config.providers}
    chooses = any("strategy" in route.layer.retrieval.overrides for route in routes)
    return {
        "chains": chains,
        "providers": providers,
        "embedders": {name for key in providers if (name := config.providers[key].embedder)},
        "strategies": {*config.strategies} if chooses else {route.strategy for route in routes},
        "summarizers": {route.summarizer for route in routes if Family.MESSAGE in route.families},
        "upstreams": {route.upstream for route in routes},
        "keyrings": {ring.name for ring in rings},
        "hooks": {key for route in routes for key in route.hooks} | set(config.policy.hooks),
        "profiles": {profile for name in assembly.tenants for profile in assembly.written(name).profiles},
    }
