"""A route over a real provider, and requests to it on the path that every face takes: admit, then run."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta
from importlib import import_module
from pathlib import Path
from random import Random
from typing import Any

import msgspec

from gateway.auth.gate import Gate
from gateway.config.compiled import Config, Origin, RouteConfig, TenantConfig
from gateway.config.diagnostics import Mark
from gateway.config.model import Auth, Layer, Plugins, Policy, Server
from gateway.config.scopes import scope_rule
from gateway.domain.ids import Mint
from gateway.domain.ports import Capabilities, Embedder, Kit, Provider
from gateway.domain.principal import Principal, Role
from gateway.domain.record import Family
from gateway.embedders.wordllama import WordLlama, WordLlamaOptions
from gateway.retrieval.pools import Pools
from gateway.retrieval.recall import Recaller, Source
from gateway.retrieval.strategies.hybrid import Hybrid
from gateway.retrieval.strategies.lexical import Lexical
from gateway.retrieval.strategies.recent import Recent
from gateway.runtime.bound import BoundRoute
from gateway.runtime.facts import Facts
from gateway.runtime.metadata import metadata_check
from gateway.runtime.meters import Meter
from gateway.runtime.routing import candidate
from gateway.runtime.snapshot import Snapshot
from gateway.runtime.tenancy import BoundTenant, candidates_of
from gateway.services.call import Operation, perform

PROVIDERS: Mapping[str, dict[str, Any]] = {"memory": {}, "sqlite": {"path": "records.db"}}
START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
ALL_ROLES = frozenset(Role)


class Clock:
    def __init__(self) -> None:
        self.at = START

    def __call__(self) -> datetime:
        self.at += timedelta(microseconds=10)
        return self.at

    def forward(self, **by: float) -> None:
        self.at += timedelta(**by)


def _tenant(config: RouteConfig, bound: BoundRoute) -> BoundTenant:
    tenant = TenantConfig(name="acme", auth=Auth(), routes=(config,), mark=config.mark)
    return BoundTenant(
        config=tenant, uses={}, cursor_key=b"", routes={config.name: bound}, candidates=candidates_of(tenant)
    )


class Desk:
    """Where requests are made. Several desks over one provider are several processes."""

    def __init__(
        self,
        provider: Provider,
        capabilities: Capabilities,
        clock: Clock,
        layer: Layer,
        embedder: Embedder | None,
        **route: Any,
    ) -> None:
        self.provider, self.clock, self._capabilities = provider, clock, capabilities
        self._layer, self._embedder, self._route = layer, embedder, route
        mark = Mark(Path("gateway.yaml"), 1, 1)
        config = RouteConfig(
            tenant="acme",
            name="talk",
            default=True,
            match=None,
            priority=0,
            families=frozenset({Family.MESSAGE, Family.CHECKPOINT}),
            layer=layer,
            scope=scope_rule(layer.scope),
            filter=None,
            chain="main",
            strategy=layer.retrieval.strategy,
            origins={path: Origin("route") for path in route.get("origins", ())},
            mark=mark,
        )
        kit = Kit(name="s", clock=clock, home=Path())
        plugins: tuple[Any, ...] = (Hybrid, Lexical, Recent)
        strategies: dict[str, Any] = {each.type_name: each(each.Options(), kit) for each in plugins}
        seed = Random(route.get("seed", 1))
        bound = BoundRoute(
            config=config,
            identity=candidate(config).identity,
            provider=provider,
            provider_name="main",
            capabilities=capabilities,
            embedder=embedder,
            recaller=Recaller(
                Source(
                    name="main",
                    provider=provider,
                    capabilities=capabilities,
                    pools=Pools(),
                    count_tokens=count_words,
                    embedder=embedder,
                )
            ),
            strategies=strategies,
            default_strategy=strategies[layer.retrieval.strategy],
            check_metadata=metadata_check(layer.metadata_schema),
            count_tokens=count_words,
            cursor_key=b"k" * 32,
            mint=Mint(clock, seed.randbytes),
            meter=lambda _: Meter(),
            fault=lambda _: None,
        )
        self.snapshot = Snapshot(
            generation=1,
            config=Config(
                server=Server(),
                policy=Policy(),
                plugins=Plugins(),
                embedders={},
                providers={},
                chains={},
                strategies={},
                tenants={},
                home=Path(),
                digest="",
                files=(),
            ),
            gate=Gate([], None),
            admin=Gate([]),
            tenants={"acme": _tenant(config, bound)},
            locked=frozenset(),
            stack=AsyncExitStack(),
        )

    def other(self, seed: int, **layer: Any) -> "Desk":
        """Another process on the same provider, with a clock reading of its own."""
        changed = msgspec.structs.replace(self._layer, **layer)
        return Desk(
            self.provider, self._capabilities, self.clock, changed, self._embedder, **{**self._route, "seed": seed}
        )

    async def ask(
        self,
        operation: Operation[Any, Any],
        request: Any,
        *,
        user: str = "ann",
        agent: str = "",
        run: str = "",
        key: str = "",
        roles: frozenset[Role] = ALL_ROLES,
    ) -> Any:
        principal = Principal(id="key-1", tenant="acme", roles=roles)
        facts = Facts(op=operation.op, family=operation.family, user=user, agent=agent, run=run, idempotency_key=key)
        return (await perform(self.snapshot, principal, operation, facts, request)).reply


@asynccontextmanager
async def open_desk(
    kind: str, home: Path, layer: Layer | None = None, *, embedding: bool = False, **route: Any
) -> AsyncGenerator[Desk]:
    clock = Clock()
    async with AsyncExitStack() as stack:
        embedder = WordLlama(WordLlamaOptions(dimension=64), Kit(name="e", clock=clock, home=home))
        if embedding:
            await embedder.open(stack)
        module = import_module(f"gateway.providers.{kind}")
        plugin = getattr(module, module.__all__[0])
        options = msgspec.convert(PROVIDERS[kind], plugin.Options)
        provider: Provider = plugin(
            options, Kit(name="main", clock=clock, home=home, dimension=64 if embedding else None)
        )
        await provider.open(stack)
        yield Desk(
            provider, plugin.capabilities(options), clock, layer or Layer(), embedder if embedding else None, **route
        )


def count_words(text: str) -> int:
    return len(text.split())


def raw(value: Any) -> msgspec.Raw:
    return msgspec.Raw(value.encode() if isinstance(value, str) else msgspec.json.encode(value))


def plain(value: Any) -> Any:
    """What a client sees of a reply."""
    return msgspec.json.decode(msgspec.json.encode(value))
