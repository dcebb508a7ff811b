"""`memory-gateway render`: the effective configuration, every layer merged, without secrets."""

import os
import sys
from pathlib import Path

import click
import msgspec

from gateway.config.catalog import Catalog
from gateway.config.compiler import compile_config
from gateway.config.emitting import to_plain, to_yaml
from gateway.config.rendering import Rendering
from gateway.config.report import render_text
from gateway.config.showing import Showing
from gateway.config.written import Written


@click.command("render")
@click.argument("config", type=click.Path(path_type=Path, exists=True))
@click.option("--tenant", help="Only this one, and what it uses.")
@click.option("--provenance", is_flag=True, help="Say of each value who set it, and where.")
@click.option("--format", "form", type=click.Choice(["yaml", "json"]), default="yaml")
def command(config: Path, tenant: str | None, provenance: bool, form: str) -> None:
    """Print what CONFIG comes to for every route: layers merged, defaults filled in, secrets left out."""
    compiled = compile_config(config, os.environ, Catalog.installed())
    if compiled.config is None or tenant in compiled.broken:
        click.echo(render_text(compiled), err=True)
        sys.exit(1)
    if tenant is not None and tenant not in compiled.config.tenants:
        click.echo(f"no tenant {tenant!r}; known: {', '.join(sorted(compiled.config.tenants))}", err=True)
        sys.exit(2)
    shown = Showing(compiled.config, Written.of(compiled.config))
    tree = Rendering(compiled.config, shown, provenance=provenance).tree(tenant)
    if form == "json":
        body = msgspec.json.encode(to_plain(tree, notes=provenance))
        click.echo(msgspec.json.format(body, indent=2).decode())
    else:
        click.echo("\n".join(to_yaml(tree)))
    for name in sorted(compiled.broken):
        click.echo(f"tenant {name!r} is broken and left out: run `memory-gateway validate {config}`", err=True)
