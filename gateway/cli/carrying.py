"""What the verbs that move records share: the configuration, the names that may be used with it, and how they end.

Exit codes: 0 done, 1 a broken configuration or something failed on the way, 2 wrong usage, 3 done but not with everything,
4 a provider does not open, 5 the sides differ.
"""

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, Final

import click

from gateway.cli.assembly import now
from gateway.config.catalog import Catalog
from gateway.config.compiled import Config
from gateway.config.compiler import compile_config
from gateway.config.report import render_text
from gateway.domain.errors import GatewayError, Misconfigured
from gateway.domain.record import Kind
from gateway.runtime.lending import Lender, capabilities_of

FAILED: Final = 1
PARTLY: Final = 3
UNOPENED: Final = 4
DIFFERENT: Final = 5

Work = Callable[[Lender], Awaitable[int]]


def config_of(path: Path) -> Config:
    """Only a configuration that is whole says who has what."""
    compiled = compile_config(path, os.environ, Catalog.installed())
    if compiled.config is None or compiled.broken:
        click.echo(render_text(compiled), err=True)
        sys.exit(FAILED)
    return compiled.config


def checked_provider(config: Config, option: str, key: str, tenants: Iterable[str] = ()) -> str:
    """A declared provider, whose records these tenants may be. One that a tenant declares is for that tenant alone."""
    if key not in config.providers:
        raise click.UsageError(f"{option}: there is no provider {key!r}; known: {', '.join(sorted(config.providers))}")
    owner = config.providers[key].owner
    others = [name for name in tenants if owner and name != owner]
    if others:
        raise click.UsageError(f"{option}: {key!r} is declared by {owner!r} and cannot hold records of {others[0]!r}")
    return key


def checked_tenants(config: Config, option: str, names: Sequence[str]) -> list[str]:
    for name in names:
        if name not in config.tenants:
            raise click.UsageError(f"{option}: there is no tenant {name!r}; known: {', '.join(sorted(config.tenants))}")
    return list(dict.fromkeys(names))


def checked_place(config: Config, option: str, key: str) -> str:
    """What an operator has to know of a store before it is opened here, "" for nothing. Refuses one that is never here."""
    can = capabilities_of(config, key)
    what = f"{option} {key!r} ({config.providers[key].type_name})"
    if not can.shared and not can.durable and not can.exclusive and not can.remote:
        raise click.UsageError(
            f"{what} keeps its records inside the process that serves it: they cannot be reached here"
        )
    if can.shared or not can.exclusive:
        return ""
    return f"{what} can be open in one process only: stop the gateway that serves it first"


def run(config: Config, work: Work) -> int:
    """The exit code of the work, or that of its failure, which is told in one line."""

    async def lent() -> int:
        async with AsyncExitStack() as stack:
            return await work(Lender(config, now, stack))

    return ended(lent())


def ended(work: Coroutine[Any, Any, int]) -> int:
    """The exit code of the work, or that of its failure, which is told in one line."""
    try:
        return asyncio.run(work)
    except Misconfigured as error:
        click.echo(error.detail, err=True)
        return UNOPENED
    except GatewayError as error:
        click.echo(f"stopped: {error.code}: {error.detail}", err=True)
        return FAILED
    except Exception as error:  # noqa: BLE001 -- a driver may raise anything, and its words may hold a credential
        click.echo(f"stopped: {type(error).__name__}", err=True)
        return FAILED


def kinds_told(counts: dict[Kind, int]) -> str:
    return ", ".join(f"{count:,} {kind}" for kind, count in sorted(counts.items()))
