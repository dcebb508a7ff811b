"""Whether a route's chain can do what the route is for: keep its kinds, and rank as its strategy needs to."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from gateway.config.assembly import Assembly
from gateway.config.codes import found
from gateway.config.compiled import Plugged
from gateway.config.diagnostics import Diagnostic, Related
from gateway.domain.ports import Kit
from gateway.domain.record import KINDS_OF, Family


def kinds_held(assembly: Assembly) -> Iterator[Diagnostic]:
    for route in assembly.routes():
        for provider in assembly.keepers_of(route):
            kinds = provider.plugin.capabilities(provider.options).kinds
            for family in sorted(route.families):
                if KINDS_OF[family] - kinds:
                    mark, related = assembly.blame(route, "chain")
                    what = f"{provider.type_name} provider {provider.name!r} cannot keep {family} records"
                    holds = [each.value for each in Family if KINDS_OF[each] <= kinds]
                    hint = f"choose another chain; this provider keeps: {', '.join(holds) or 'nothing whole'}"
                    also = _also(related, provider)
                    yield found("MG0402", mark, f"the route {route.name!r}: {what}", hint, related=also)


def vectors_there(assembly: Assembly) -> Iterator[Diagnostic]:
    for route in assembly.routes():
        provider, strategy = assembly.provider_of(route), assembly.config.strategies.get(route.strategy)
        if provider is None or strategy is None or provider.embedder or Family.MEMORY not in route.families:
            continue
        if provider.plugin.capabilities(provider.options).relevant:
            continue  # it ranks by meaning in its own way
        if _ranks_by_meaning(strategy, assembly):
            mark, related = assembly.blame(route, "retrieval.strategy", "chain")
            what = f"the strategy {strategy.name!r} ranks by meaning, but provider {provider.name!r} keeps no vectors"
            hint = "give the provider an embedder (`embedder: local`), or use the strategy lexical or recent"
            yield found("MG0401", mark, f"the route {route.name!r}: {what}", hint, related=_also(related, provider))


def _ranks_by_meaning(strategy: Plugged, assembly: Assembly) -> bool:
    """Whether the strategy has nothing to rank by without vectors: it asks for them and for nothing else."""
    return needs_of(strategy, assembly) == {"vector"}


def needs_of(strategy: Plugged, assembly: Assembly) -> set[str]:
    """What a strategy ranks by."""
    kit = Kit(name=strategy.name, clock=lambda: datetime.now(UTC), home=assembly.config.home)
    instance: Any = strategy.plugin(strategy.options, kit)
    return {str(need) for need in instance.needs}


def _also(related: tuple[Related, ...], provider: Plugged) -> tuple[Related, ...]:
    return (*related, Related(provider.mark, "the provider")) if provider.mark else related
