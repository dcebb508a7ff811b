"""Chains by key: those that are declared, and one for every provider that stands alone."""

from collections.abc import Mapping

from gateway.config.compiled import ChainConfig, Plugged, StepConfig
from gateway.config.diagnostics import Mark
from gateway.config.model import Step
from gateway.config.plugs import key_of
from gateway.config.routes import find_key
from gateway.config.unit import Unit


def read_chains(unit: Unit, own: Mapping[str, Plugged], providers: Mapping[str, Plugged]) -> dict[str, ChainConfig]:
    """The chains of a unit that has its `own` among the `providers`. One with a step that names no provider is left
    out: it is known, but cannot be used."""
    out: dict[str, ChainConfig] = {}
    for name, steps in unit.written.chains.items():
        keys = [find_key(providers, unit.owner, step.provider) for step in steps]
        if all(keys):
            found = tuple(StepConfig(key, step) for key, step in zip(keys, steps, strict=True))
            key, mark = key_of(unit.owner, name), unit.key("chains", name)
            out[key] = ChainConfig(key=key, name=name, steps=found, mark=mark, owner=unit.owner)
    for key, provider in own.items():
        mark = provider.mark or Mark(unit.located.text.file, 1, 1)
        alone = ChainConfig(
            key=key,
            name=provider.name,
            steps=(StepConfig(key, Step(provider=provider.name)),),
            mark=mark,
            owner=provider.owner,
        )
        out.setdefault(key, alone)
    return out
