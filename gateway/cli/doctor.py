"""`memory-gateway doctor`: what is wrong with the place where a configuration is to be served, not with its files.

Exit codes: 0 nothing found, 1 something is wrong, or the configuration is broken, 2 wrong usage.
"""

import os
import sys
from pathlib import Path
from typing import Any

import click

from gateway.cli.settings import ProcessSettings
from gateway.config.catalog import Catalog
from gateway.config.compiler import compile_config
from gateway.config.report import render_text
from gateway.runtime.place.facts import Place
from gateway.runtime.place.look import CHECKS, look
from gateway.runtime.place.software import packages


@click.command("doctor")
@click.argument("config", type=click.Path(path_type=Path, exists=True))
@click.option("--host", help="Address that will be listened on.")
@click.option("--port", type=int, help="Port that will be listened on.")
@click.option("--workers", type=int, help="Processes that will serve.")
def command(config: Path, **flags: Any) -> None:
    """Look at the place where CONFIG is to be served: mounts, folders, limits, clock, software, address."""
    settings = ProcessSettings(**{name: value for name, value in flags.items() if value is not None})
    compiled = compile_config(config, os.environ, Catalog.installed())
    if compiled.config is None:
        click.echo(render_text(compiled), err=True)
        sys.exit(1)
    place = Place(host=settings.host, port=settings.port, workers=settings.workers)
    said = [*packages(compiled.diagnostics), *look(compiled.config, place)]
    for each in said:
        click.echo(each.line())
    for name in sorted(compiled.broken):
        click.echo(f"unknown  tenant {name}: its file is broken, see `memory-gateway validate`")
    problems = sum(each.sort == "problem" for each in said)
    click.echo(f"{len(CHECKS)} looks, {problems} problem{'' if problems == 1 else 's'}")
    sys.exit(1 if problems else 0)
