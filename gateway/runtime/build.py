"""Config to Snapshot: open what it declares, bind every route to it.

Either everything it needs is open and the Snapshot is returned, or everything opened is given back and the error says
which declaration failed. Decides nothing: whatever could be wrong was refused by the configuration check.
"""

from collections.abc import Iterable
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any

import msgspec
from jsonschema.validators import validator_for

from gateway.auth.gate import Credential, Gate
from gateway.chain.fenced import Fenced
from gateway.config.compiled import Config, Plugged, RouteConfig, TenantConfig
from gateway.domain.errors import GatewayError, Invalid, Misconfigured
from gateway.domain.filtering import read_time
from gateway.domain.ids import Clock, Mint
from gateway.domain.ports import Embedder, Kit, Provider
from gateway.domain.principal import Principal, Role
from gateway.domain.record import Family
from gateway.retrieval.pools import Pools
from gateway.retrieval.recall import Recaller, Source
from gateway.retrieval.strategy import Strategy
from gateway.runtime.bound import BoundRoute, MetadataCheck, TokenCounter
from gateway.runtime.instances import Instances
from gateway.runtime.meters import Labels, Meter, Meters
from gateway.runtime.routing import Candidate, candidate
from gateway.runtime.snapshot import Snapshot

if TYPE_CHECKING:
    from jsonschema.protocols import Validator


class Means(msgspec.Struct, frozen=True, kw_only=True):
    """What outlives every generation and is handed to each."""

    clock: Clock
    mint: Mint
    meters: Meters
    instances: Instances
    count_tokens: TokenCounter
    cursor_key: bytes


async def build(config: Config, means: Means, generation: int) -> Snapshot:
    async with AsyncExitStack() as stack:
        bench = _Bench(config, means, stack)
        routes: dict[tuple[str, str], BoundRoute] = {}
        for tenant in config.tenants.values():
            for route in tenant.routes:
                routes[tenant.name, route.name] = await bench.bind(route)
        return Snapshot(
            generation=generation,
            config=config,
            gate=gate(config.tenants.values()),
            candidates=candidates(config),
            routes=routes,
            stack=stack.pop_all(),
        )


def candidates(config: Config) -> dict[tuple[str, Family], tuple[Candidate, ...]]:
    """Every tenant's routes of each family, in the order in which they are tried. Needs nothing to be open."""
    return {
        (tenant.name, family): tuple(sorted(found, key=Candidate.rank))
        for tenant in config.tenants.values()
        for family in Family
        if (found := [candidate(route) for route in tenant.routes if family in route.families])
    }


def gate(tenants: Iterable[TenantConfig]) -> Gate:
    credentials: list[Credential] = []
    open_to: Principal | None = None
    for tenant in tenants:
        if tenant.auth.mode == "open":
            open_to = Principal(id="open", tenant=tenant.name, roles=frozenset(Role))
        for key in tenant.auth.api_keys:
            principal = Principal(
                id=key.id or key.hash[7:19],
                tenant=tenant.name,
                roles=frozenset(key.roles),
                user=key.user or "",
                claims=key.claims,
            )
            expires = read_time(key.expires, "expires") if key.expires else None
            credentials.append(Credential(hash=key.hash.removeprefix("sha256:"), principal=principal, expires=expires))
    return Gate(credentials, open_to)


class _Bench:
    """The instances of one build, opened as routes ask for them."""

    def __init__(self, config: Config, means: Means, stack: AsyncExitStack) -> None:
        self._config = config
        self._means = means
        self._stack = stack
        self._pools = Pools()
        own = config.server.cursor_key
        self._cursor_key = own.reveal().encode() if own else means.cursor_key

    async def bind(self, route: RouteConfig) -> BoundRoute:
        config, means = self._config, self._means
        declared = config.providers[config.chains[route.chain].steps[0].provider]
        embedder = await self._embedder(declared.embedder)
        inner: Provider = await self._open(declared, embedder.dimension if embedder else None)
        provider = Fenced(inner, lambda rows, name=declared.key: means.meters.breach(name, rows))
        capabilities = declared.plugin.capabilities(declared.options)
        meters: dict[str, Meter] = {}

        def meter(operation: str) -> Meter:
            found = meters.get(operation)
            if found is None:
                labels = Labels(route.tenant, route.name, declared.key, operation)
                found = meters[operation] = means.meters.meter(labels)
            return found

        return BoundRoute(
            config=route,
            identity=candidate(route).identity,
            provider=provider,
            provider_name=declared.key,
            capabilities=capabilities,
            embedder=embedder,
            recaller=Recaller(
                Source(
                    name=declared.key,
                    provider=provider,
                    capabilities=capabilities,
                    pools=self._pools,
                    count_tokens=means.count_tokens,
                    embedder=embedder,
                    exhaustive=route.layer.retrieval.exhaustive,
                )
            ),
            strategies=await self._strategies(route),
            check_metadata=metadata_check(route.layer.metadata_schema),
            count_tokens=means.count_tokens,
            cursor_key=self._cursor_key,
            mint=means.mint,
            meter=meter,
            fault=lambda code: means.meters.fault(route.tenant, route.name, code),
        )

    async def _embedder(self, key: str | None) -> Embedder | None:
        return None if key is None else await self._open(self._config.embedders[key], None)

    async def _strategies(self, route: RouteConfig) -> dict[str, Strategy]:
        """By every name that means something to this tenant; "" is the route's own."""
        found: dict[str, Strategy] = {}
        for declared in self._config.strategies.values():
            if declared.owner in ("", route.tenant):
                found[declared.name] = await self._open(declared, None)
        found[""] = await self._open(self._config.strategies[route.strategy], None)
        return found

    async def _open(self, declared: Plugged, dimension: int | None) -> Any:
        kit = Kit(name=declared.key, clock=self._means.clock, home=self._config.home, dimension=dimension)
        try:
            return await self._means.instances.acquire(declared, kit, self._stack)
        except GatewayError as error:
            where = f"{declared.mark.file}:{declared.mark.line}: " if declared.mark else ""
            raise Misconfigured(
                f"{where}{declared.type_name} {declared.key!r} does not open: {error.detail}"
            ) from error


def metadata_check(schema: dict[str, Any] | None) -> MetadataCheck:
    if schema is None:
        return _anything
    kind: type[Validator] = validator_for(schema)
    validator = kind(schema)

    def check(metadata: Any) -> None:
        for error in validator.iter_errors(metadata):
            at = ".".join(["metadata", *map(str, error.absolute_path)])
            # The validator's own message would quote the value, which is the client's content.
            raise Invalid(f"{at} does not satisfy the route's schema: {error.validator}", code="metadata_schema", at=at)

    return check


def _anything(_metadata: Any) -> None:
    return
