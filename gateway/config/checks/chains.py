"""Steps of chains: each names a provider that is there, and one of them is the primary."""

from collections.abc import Iterator

from gateway.config.assembly import Assembly
from gateway.config.checks.names import is_known, known_names, unreadable
from gateway.config.codes import found
from gateway.config.diagnostics import Diagnostic, Related
from gateway.config.suggest import advise


def chain_steps(assembly: Assembly) -> Iterator[Diagnostic]:
    for unit in assembly.units():
        for name, steps in unit.written.chains.items():
            for index, step in enumerate(steps):
                known = is_known(assembly, unit, step.provider, "providers")
                if not known and not unreadable(assembly, unit, "providers"):
                    at = unit.mark("chains", name, index, "provider")
                    what = f"chains.{name}: there is no provider {step.provider!r}"
                    yield found("MG0302", at, what, advise(step.provider, known_names(assembly, unit, "providers")))
            for index in range(1, len(steps)):
                first = Related(unit.mark("chains", name, 0), "the first")
                what = f"chains.{name} has a second primary step"
                yield found("MG0317", unit.mark("chains", name, index), what, "keep one step", related=(first,))
