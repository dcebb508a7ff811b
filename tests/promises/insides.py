"""A running Snapshot of a configuration, without a face around it."""

import os
from collections.abc import AsyncGenerator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from gateway.config.catalog import Catalog
from gateway.config.compiler import compile_config
from gateway.domain.ids import Mint
from gateway.domain.ports import Provider
from gateway.embedders.tokens import load_counter
from gateway.retrieval.pools import Pools
from gateway.retrieval.recall import Recaller
from gateway.runtime.bound import BoundRoute
from gateway.runtime.build import build
from gateway.runtime.instances import Instances
from gateway.runtime.meters import Meters
from gateway.runtime.snapshot import Snapshot
from gateway.runtime.tenancy import Means


class Insides(msgspec.Struct, frozen=True):
    snapshot: Snapshot
    meters: Meters


@asynccontextmanager
async def insides(home: Path, text: str) -> AsyncGenerator[Insides]:
    file = home / "gateway.yaml"
    file.write_text(text)
    compiled = compile_config(file, {}, Catalog.installed())
    assert compiled.config is not None, compiled.diagnostics
    means = Means(
        clock=_now,
        mint=Mint(_now, os.urandom),
        meters=Meters(),
        instances=Instances(),
        pools=Pools(),
        count_tokens=load_counter(),
        cursor_key=b"k" * 32,
    )
    snapshot = (await build(compiled.config, means, generation=1)).snapshot
    try:
        yield Insides(snapshot, means.meters)
    finally:
        await snapshot.close()


def over(snapshot: Snapshot, wrap: Callable[[Provider], Provider]) -> Snapshot:
    """The same Snapshot with another head on every chain. Close the first one only."""
    return Snapshot(
        generation=snapshot.generation,
        config=snapshot.config,
        gate=snapshot.gate,
        admin=snapshot.admin,
        tenants={
            name: msgspec.structs.replace(
                tenant, routes={each: _rebound(route, wrap(route.provider)) for each, route in tenant.routes.items()}
            )
            for name, tenant in snapshot.tenants.items()
        },
        locked=snapshot.locked,
        stack=AsyncExitStack(),
    )


def _rebound(route: BoundRoute, provider: Provider) -> BoundRoute:
    source = msgspec.structs.replace(route.recaller._source, provider=provider)  # pyright: ignore[reportPrivateUsage]  # all of it but the provider
    return msgspec.structs.replace(route, provider=provider, recaller=Recaller(source))


def _now() -> datetime:
    return datetime.now(UTC)
