"""Whether every write to one provider reaches another one too, by the configuration, and which lines change that."""

from collections.abc import Iterable, Iterator

import click

from gateway.config.compiled import ChainConfig, Config, RouteConfig
from gateway.config.diagnostics import Mark
from gateway.config.showing import place


def checked_mirror(config: Config, source: str, target: str, tenants: Iterable[str]) -> list[str]:
    """The lines to edit for the cut-over. A usage error where a route writes to the source alone."""
    routes = [route for name in tenants for route in config.tenants[name].routes]
    writing = [route for route in routes if source in _written(config.chains[route.chain])]
    alone = [route for route in writing if not _follows(config.chains[route.chain], source, target)]
    if alone or not writing:
        raise click.UsageError("\n".join(_missing(config, source, target, alone)))
    chains = {route.chain: config.chains[route.chain] for route in writing}
    return [
        f"{_at(config, chain.mark)}: chain {chain.name!r}: make {target!r} the primary and {source!r} its mirror"
        for chain in chains.values()
    ]


def _missing(config: Config, source: str, target: str, alone: Iterable[RouteConfig]) -> Iterator[str]:
    yield f"--live needs a chain with {source!r} as the primary and {target!r} as `role: mirror` for every route:"
    yield f"  chains: {{moving: [{{provider: {source}}}, {{provider: {target}, role: mirror}}]}}"
    for route in alone:
        origin = route.origins.get("chain")
        mark = origin.mark if origin is not None and origin.mark is not None else route.mark
        yield f"{_at(config, mark)}: {route.tenant}/{route.name} writes to {source!r} without {target!r}"


def _written(chain: ChainConfig) -> list[str]:
    return [step.provider for step in chain.steps if step.role in ("primary", "failover", "mirror")]


def _follows(chain: ChainConfig, source: str, target: str) -> bool:
    return chain.primary == source and any(step.provider == target and step.role == "mirror" for step in chain.steps)


def _at(config: Config, mark: Mark) -> str:
    return place(mark, config.home)
