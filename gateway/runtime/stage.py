"""A config with other backends under it: what it does can be seen without any of the places it names.

Every provider becomes a `memory` provider, every embedder that would need a network or a download the local one, by
replacing the declaration. Everything else is what would serve: routes, layers, strategies, scopes.
"""

import os
from collections.abc import AsyncGenerator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import datetime
from pathlib import Path
from random import Random

import msgspec

from gateway.config.compiled import Config, KeyringConfig, Plugged
from gateway.config.sameness import needed
from gateway.domain.errors import Misconfigured
from gateway.domain.ids import Mint
from gateway.domain.ports import Kit
from gateway.embedders.wordllama import WordLlama, WordLlamaOptions
from gateway.providers.memory import Memory, MemoryOptions
from gateway.retrieval.pools import Pools
from gateway.runtime.build import build
from gateway.runtime.instances import Instances
from gateway.runtime.meters import Meters
from gateway.runtime.rings import Rings
from gateway.runtime.snapshot import Snapshot
from gateway.runtime.tenancy import Means
from gateway.runtime.use import Use


class HeldClock:
    """Stands where it is put."""

    def __init__(self, at: datetime) -> None:
        self.at = at

    def __call__(self) -> datetime:
        return self.at


def staged(config: Config) -> Config:
    return msgspec.structs.replace(
        config,
        issuers={},
        keyrings={key: _made_up(each) for key, each in config.keyrings.items()},
        providers={key: _as(each, Memory, MemoryOptions()) for key, each in config.providers.items()},
        embedders={key: _local(each) for key, each in config.embedders.items()},
    )


class Stage:
    """Makes snapshots of one config, each empty; what is dear to open is opened once."""

    def __init__(self, config: Config, count_tokens: Callable[[str], int]) -> None:
        self._config = staged(config)
        self._count_tokens = count_tokens
        self._instances = Instances()

    @asynccontextmanager
    async def kept_open(self, clock: HeldClock) -> AsyncGenerator[None]:
        """While this is entered, embedders stay open from one snapshot to the next."""
        async with AsyncExitStack() as stack:
            for (sort, _), need in needed(self._config).items():
                if sort == "embedder":
                    await self._instances.acquire(
                        Use(need.declared, _kit(need.declared, clock, self._config.home)), stack
                    )
            yield

    @asynccontextmanager
    async def snapshot(self, tenant: str, clock: HeldClock) -> AsyncGenerator[Snapshot]:
        """One tenant, with nothing stored."""
        config = msgspec.structs.replace(self._config, tenants={tenant: self._config.tenants[tenant]})
        pools = Pools()
        means = Means(
            clock=clock,
            mint=Mint(clock, Random(0).randbytes),  # noqa: S311 -- ids only, and the same in every run
            meters=Meters(),
            instances=self._instances,
            pools=pools,
            count_tokens=self._count_tokens,
            cursor_key=bytes(32),
            rings=Rings(clock, os.urandom, pools),
        )
        built = await build(config, means, generation=1)
        try:
            for name, why in built.failed.items():
                raise Misconfigured(f"the tenant {name!r} cannot be served: {why}")
            yield built.snapshot
        finally:
            await built.snapshot.close()


def _made_up(declared: KeyringConfig) -> KeyringConfig:
    """With a root key of its own, and a store that forgets."""
    return KeyringConfig(name=declared.name, store=_as(declared.store, Memory, MemoryOptions()), written=None)


def _kit(declared: Plugged, clock: HeldClock, home: Path) -> Kit:
    return Kit(name=declared.key, clock=clock, home=home)


def _local(declared: Plugged) -> Plugged:
    return declared if declared.plugin is WordLlama else _as(declared, WordLlama, WordLlamaOptions())


def _as(declared: Plugged, plugin: type[Memory] | type[WordLlama], options: msgspec.Struct) -> Plugged:
    return msgspec.structs.replace(declared, type_name=plugin.type_name, plugin=plugin, options=options)
