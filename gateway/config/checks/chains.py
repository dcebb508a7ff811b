"""Steps of chains: each names a provider that is there, has its own part, and could keep what the primary keeps."""

from collections.abc import Iterator

from gateway.config.assembly import Assembly
from gateway.config.checks.names import is_known, known_names, unreadable
from gateway.config.codes import found
from gateway.config.diagnostics import Diagnostic, Related
from gateway.config.model import STEP_KEYS, Step
from gateway.config.routes import find_key
from gateway.config.suggest import advise
from gateway.config.unit import Unit


def chain_steps(assembly: Assembly) -> Iterator[Diagnostic]:
    for unit in assembly.units():
        for name, steps in unit.written.chains.items():
            for index, step in enumerate(steps):
                known = is_known(assembly, unit, step.provider, "providers")
                if not known and not unreadable(assembly, unit, "providers"):
                    at = unit.mark("chains", name, index, "provider")
                    what = f"chains.{name}: there is no provider {step.provider!r}"
                    yield found("MG0302", at, what, advise(step.provider, known_names(assembly, unit, "providers")))
            yield from _primaries(unit, name, steps)
            yield from _roles(unit, name, steps)
            yield from _twice(unit, name, steps)


def chain_vectors(assembly: Assembly) -> Iterator[Diagnostic]:
    """What may have to answer in the primary's place must know the primary's vectors, or none at all."""
    for unit in assembly.units():
        for name, steps in unit.written.chains.items():
            providers = assembly.config.providers
            keys = [find_key(providers, unit.owner, step.provider) for step in steps]
            primary = next((key for key, step in zip(keys, steps, strict=True) if key and step.role == "primary"), "")
            wanted = providers[primary].embedder if primary else None
            for index, (key, step) in enumerate(zip(keys, steps, strict=True)):
                own = providers[key].embedder if key else None
                if primary and own not in (None, wanted):
                    what = f"chains.{name}: provider {step.provider!r} works with the embedder {own!r}"
                    hint = f"give it `embedder: {wanted or 'none'}`, as the primary has, or `none`"
                    yield found("MG0410", unit.mark("chains", name, index, "provider"), what, hint)


def _primaries(unit: Unit, name: str, steps: tuple[Step, ...]) -> Iterator[Diagnostic]:
    primaries = [index for index, step in enumerate(steps) if step.role == "primary"]
    if not primaries:
        what = f"chains.{name} has no primary step"
        yield found("MG0317", unit.key("chains", name), what, "one step keeps the records: give it `role: primary`")
    for index in primaries[1:]:
        first = Related(unit.mark("chains", name, primaries[0]), "the first")
        what = f"chains.{name} has a second primary step"
        hint = "give it another role: failover, mirror, shadow, cache or reader"
        yield found("MG0317", unit.mark("chains", name, index), what, hint, related=(first,))


def _roles(unit: Unit, name: str, steps: tuple[Step, ...]) -> Iterator[Diagnostic]:
    for index, step in enumerate(steps):
        for key, role in STEP_KEYS.items():
            if step.role != role and unit.sets("chains", name) and _writes(unit, name, index, key):
                what = f"chains.{name}: {key} means nothing for a {step.role}"
                yield found("MG0319", unit.key("chains", name, index, key), what, f"{key} belongs to a {role}")


def _twice(unit: Unit, name: str, steps: tuple[Step, ...]) -> Iterator[Diagnostic]:
    first: dict[str, int] = {}
    for index, step in enumerate(steps):
        known = first.setdefault(step.provider, index)
        if known != index:
            at = unit.mark("chains", name, index, "provider")
            related = Related(unit.mark("chains", name, known, "provider"), "its other part")
            what = f"chains.{name}: the provider {step.provider!r} has two parts"
            yield found("MG0320", at, what, "declare a second provider, or leave one step out", related=(related,))


def _writes(unit: Unit, name: str, index: int, key: str) -> bool:
    """Whether a step's key is written, whatever it says."""
    return (*unit.root, "chains", name, index, key) in unit.located.keys
