"""Whether a route still finds what it keeps when its backends see sealed records only, and what its vectors tell."""

from collections.abc import Iterator

from gateway.config.assembly import Assembly
from gateway.config.checks.serving import needs_of
from gateway.config.codes import found
from gateway.config.diagnostics import Diagnostic, Related
from gateway.domain.record import Family


def sealed_search(assembly: Assembly) -> Iterator[Diagnostic]:
    for route in assembly.routes():
        encryption, provider = route.layer.encryption, assembly.provider_of(route)
        if encryption is None or not encryption.on or not encryption.content or provider is None:
            continue
        strategy = assembly.config.strategies.get(route.strategy)
        if strategy is None or Family.MEMORY not in route.families:
            continue
        if encryption.vectors == "plain":
            mark, related = assembly.blame(route, "encryption.vectors")
            what = f"the route {route.name!r} seals contents and keeps their vectors readable"
            hint = "texts can be guessed from vectors: use `vectors: sealed`, or `keyed`, which is obfuscation"
            yield found("MG0434", mark, what, hint, related=related)
        own = provider.plugin.capabilities(provider.options).relevant and not provider.embedder
        needs = needs_of(strategy, assembly)
        if ("vector" in needs and own) or (needs == {"vector"} and encryption.kept_vectors == "none"):
            mark, related = assembly.blame(route, "retrieval.strategy", "encryption", "chain")
            why = (
                f"{provider.type_name} provider {provider.name!r} cannot search what is sealed"
                if own
                else "`vectors: none` keeps no vectors"
            )
            what = f"the route {route.name!r}: the strategy {strategy.name!r} goes by meaning, and {why}"
            hint = (
                "let the gateway rank: `embedder: local` for the provider with `vectors: sealed`; or lexical or recent"
            )
            also = (*related, Related(provider.mark, "the provider")) if provider.mark else related
            yield found("MG0433", mark, what, hint, related=also)
