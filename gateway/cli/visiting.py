"""What the verbs that look after a route's records share: the configuration opened as `serve` opens it, without serving.

Exit codes: 0 done, 1 a broken configuration or something failed on the way, 2 wrong usage, 4 a provider does not open.
"""

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import click

from gateway.cli.assembly import now, steering
from gateway.cli.carrying import checked_place, ended
from gateway.cli.settings import ProcessSettings
from gateway.config.catalog import Catalog
from gateway.config.compiled import Config, RouteConfig
from gateway.config.sameness import providers_of
from gateway.embedders.tokens import load_counter
from gateway.runtime.snapshot import Snapshot

Work = Callable[[Snapshot], Awaitable[None]]


def routes_of(config: Config, tenant: str | None, route: str | None) -> list[RouteConfig]:
    """Those that are named, or all. Wrong usage where there is none of the name, or a store is never reached from here."""
    if tenant is not None and tenant not in config.tenants:
        raise click.UsageError(f"there is no tenant {tenant!r}; known: {', '.join(sorted(config.tenants))}")
    tenants = [each for name, each in config.tenants.items() if tenant in (None, name)]
    found = [each for one in tenants for each in one.routes if route in (None, each.name)]
    if not found:
        raise click.UsageError(f"there is no route {route!r}")
    for key in sorted({key for each in found for key in providers_of(config, each)}):
        checked_place(config, "the provider", key)
    return found


def visited(path: Path, work: Work) -> int:
    """The exit code of the work, or that of its failure, which is told in one line."""

    async def done() -> int:
        async with _opened(path) as snapshot:
            await work(snapshot)
        return 0

    return ended(done())


@asynccontextmanager
async def _opened(path: Path) -> AsyncGenerator[Snapshot]:
    helm = steering(ProcessSettings(config=path), now, Catalog.installed(), load_counter())
    try:
        await helm.reloader.start()
        with helm.running.snapshot as snapshot:
            yield snapshot
    finally:
        await helm.stop()
