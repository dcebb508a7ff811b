"""One tenant, bound: its routes with everything they need to serve. The unit that a reload builds, keeps or replaces.

Holds no instance open itself; the Snapshot that it serves in does, by its `uses`. Knows no other tenant.
"""

import logging
from collections.abc import Callable, Mapping

import msgspec

from gateway.auth.failures import Failures
from gateway.auth.keysets import KeySets
from gateway.chain.barred import barred
from gateway.chain.fenced import Fenced
from gateway.chain.sealed import Sealed, sealed_capabilities
from gateway.chain.shadowed import Comparison, Verdict
from gateway.chain.wrapping import Told as ToldOfSealing
from gateway.chain.wrapping import Wrapping
from gateway.config.compiled import Config, RouteConfig, TenantConfig
from gateway.config.hooks import asked_at
from gateway.config.sameness import Sort
from gateway.domain.erasure import Erasures
from gateway.domain.ids import Clock, Mint
from gateway.domain.outbox import Outbox
from gateway.domain.ports import Embedder, Provider
from gateway.domain.record import Family
from gateway.domain.scope import Scope
from gateway.embedders.tokens import estimated
from gateway.retrieval.pools import Pools
from gateway.retrieval.recall import Recaller, Source
from gateway.runtime.bound import BoundRoute, TokenCounter
from gateway.runtime.chaining import Times, Told, chained
from gateway.runtime.fences import Known
from gateway.runtime.hooked import Answers, Hooks, by_moment, hooked
from gateway.runtime.instances import Instances
from gateway.runtime.metadata import metadata_check
from gateway.runtime.meters import Labels, Meter, Meters
from gateway.runtime.rings import ByName, Rings, pool_name, wrapping_of
from gateway.runtime.routing import Candidate, candidate
from gateway.runtime.use import Opened
from gateway.runtime.uses import Uses

_log = logging.getLogger("gateway.chain")


def _unheard(_tenant: str, _route: str, _session: Scope) -> None: ...


class Means(msgspec.Struct, frozen=True, kw_only=True):
    """What outlives every generation and is handed to each."""

    clock: Clock
    mint: Mint
    meters: Meters
    instances: Instances
    pools: Pools
    count_tokens: TokenCounter
    cursor_key: bytes
    outbox: Outbox | None = None  # where no chain needs one
    fences: Known = msgspec.field(default_factory=Known)
    erasures: Erasures | None = None
    overflowing: Callable[[str, str, Scope], None] = _unheard  # told of tenant, route and session
    key_sets: KeySets = msgspec.field(default_factory=KeySets)
    failures: Failures = msgspec.field(default_factory=Failures)
    rings: Rings | None = None  # where nothing is sealed


class BoundTenant(msgspec.Struct, frozen=True, kw_only=True):
    config: TenantConfig
    uses: Uses
    cursor_key: bytes
    routes: Mapping[str, BoundRoute]
    rings: ByName = {}  # the keyrings that seal what its routes keep
    candidates: Mapping[Family, tuple[Candidate, ...]]
    erasures: Erasures | None = None  # where what is kept of a person can be ended

    def same(self, config: TenantConfig, uses: Uses, cursor_key: bytes) -> bool:
        """Whether binding these would give the same again."""
        unchanged = self.config is config or (bool(config.digest) and self.config.digest == config.digest)
        return unchanged and self.uses == uses and self.cursor_key == cursor_key


def candidates_of(tenant: TenantConfig) -> dict[Family, tuple[Candidate, ...]]:
    """The routes of each family, in the order in which they are tried. Needs nothing to be open."""
    made = [candidate(route) for route in tenant.routes]
    return {
        family: tuple(sorted(found, key=Candidate.rank))
        for family in Family
        if (found := [each for each in made if family in each.route.families])
    }


def bind(
    config: Config,
    tenant: TenantConfig,
    uses: Uses,
    opened: Mapping[tuple[Sort, str], Opened],
    means: Means,
    rings: ByName,
) -> BoundTenant:
    """`opened` holds what `uses` names."""
    cursor_key = cursor_key_of(config, means)
    candidates = candidates_of(tenant)
    known = {each.route.name: each for family in candidates.values() for each in family}
    names = {use.declared.name: opened[place].instance for place, use in uses.items() if place[0] == "strategy"}

    instances = {
        key: msgspec.structs.replace(each, instance=barred(each.instance, means.fences))
        for (sort, key), each in opened.items()
        if sort == "provider"
    }
    told = _told(means.meters, means.fences)

    def hooks(route: RouteConfig) -> Hooks:
        found = [config.hooks[key] for key in route.hooks]
        answers = _answers(means.meters, tenant.name, route.name)
        return by_moment([(hooked(each, opened["hook", each.key].instance, answers), asked_at(each)) for each in found])

    def bound(route: RouteConfig) -> BoundRoute:
        chain = config.chains[route.chain]
        provider_key = chain.primary
        use = uses["provider", provider_key]
        head = chained(config, chain, instances, means.outbox, Times(means.clock, means.mint.now), told)
        embedder_key = use.declared.embedder
        embedder: Embedder | None = None if embedder_key is None else opened["embedder", embedder_key].instance
        wrapping = wrapping_of(route, rings, means.clock, _told_of_sealing(means.meters, route))
        if wrapping is not None and wrapping.plan.vectors == "none":
            embedder = None
        capabilities = sealed_capabilities(head.capabilities, wrapping.plan) if wrapping else head.capabilities
        inner = Sealed(head.provider, wrapping).provider if wrapping else head.provider
        provider = Fenced(inner, lambda rows: means.meters.breach(provider_key, rows))
        source = Source(
            name=pool_name(head.name, route),
            provider=provider,
            capabilities=capabilities,
            pools=means.pools,
            count_tokens=means.count_tokens,
            embedder=embedder,
            exhaustive=route.layer.retrieval.exhaustive,
        )
        return BoundRoute(
            config=route,
            identity=known[route.name].identity,
            provider=provider,
            provider_name=provider_key,
            capabilities=capabilities,
            embedder=embedder,
            recaller=Recaller(source),
            strategies=names,
            default_strategy=opened["strategy", route.strategy].instance,
            check_metadata=metadata_check(route.layer.metadata_schema),
            count_tokens=estimated if route.layer.session.tokens == "estimate" else means.count_tokens,
            cursor_key=cursor_key,
            mint=means.mint,
            meter=_meters(means.meters, tenant.name, route.name, provider_key),
            hooks=hooks(route),
            fault=lambda code: means.meters.fault(tenant.name, route.name, code),
            era=lambda: means.fences.era,
            archive=_archive(route, instances, means.meters, wrapping),
            upstream=opened["upstream", route.upstream].instance if route.upstream else None,
            summarizer=opened["summarizer", route.summarizer].instance if Family.MESSAGE in route.families else None,
            kept=lambda what, times: means.meters.keep(tenant.name, route.name, what, times),
            overflowing=lambda session: means.overflowing(tenant.name, route.name, session),
        )

    return BoundTenant(
        config=tenant,
        uses=uses,
        cursor_key=cursor_key,
        routes={route.name: bound(route) for route in tenant.routes},
        rings=rings,
        candidates=candidates,
        erasures=means.erasures,
    )


async def rings_of(
    config: Config, tenant: TenantConfig, opened: Mapping[tuple[Sort, str], Opened], means: Means
) -> ByName:
    """The keyrings of a tenant, ready. Misconfigured where a root key cannot be had."""
    if means.rings is None:
        return {}
    stores = {key: each for (sort, key), each in opened.items() if sort == "provider"}
    return await means.rings.ready(config, tenant, stores)


def _told(meters: Meters, fences: Known) -> Told:
    def compared(provider: str, comparison: Comparison) -> None:
        meters.link(provider, f"shadow_{comparison.verdict}")
        if comparison.verdict is Verdict.DIFFERS:
            _log.info("a shadow differs", extra={"provider": provider, **msgspec.to_builtins(comparison)})

    return Told(
        moved=lambda provider: meters.link(provider, "moved"),
        cached=lambda provider, found: meters.link(provider, "hit" if found else "miss"),
        compared=compared,
        remembering=fences.keep,
    )


def _told_of_sealing(meters: Meters, route: RouteConfig) -> ToldOfSealing:
    def tampered(id_: str) -> None:
        meters.fault(route.tenant, route.name, "tampered")
        _log.error("a sealed record does not open", extra={"tenant": route.tenant, "route": route.name, "id": id_})

    return ToldOfSealing(
        tampered=tampered, plaintext=lambda _: meters.fault(route.tenant, route.name, "plaintext_accepted")
    )


def _archive(
    route: RouteConfig, instances: Mapping[str, Opened], meters: Meters, wrapping: Wrapping | None
) -> Provider | None:
    """What is archived was opened on its way, and is sealed again by the same plan."""
    if not route.archive:
        return None
    archive: Provider = instances[route.archive].instance
    sealed = Sealed(archive, wrapping).provider if wrapping else archive
    return Fenced(sealed, lambda rows: meters.breach(route.archive, rows))


def cursor_key_of(config: Config, means: Means) -> bytes:
    own = config.server.cursor_key
    return own.reveal().encode() if own else means.cursor_key


def _answers(meters: Meters, tenant: str, route: str) -> Answers:
    return lambda hook, answer: meters.hook(tenant, route, hook, answer)


def _meters(meters: Meters, tenant: str, route: str, provider: str) -> Callable[[str], Meter]:
    known: dict[str, Meter] = {}

    def meter(operation: str) -> Meter:
        found = known.get(operation)
        if found is None:
            found = known[operation] = meters.meter(Labels(tenant, route, provider, operation))
        return found

    return meter
