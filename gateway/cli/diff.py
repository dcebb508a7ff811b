"""`memory-gateway diff`: what would change if one configuration took the place of another. Opens no backend."""

import json
import os
import sys
from pathlib import Path
from typing import Final

import click

from gateway.cli.remote import Gateway, at_gateway
from gateway.config.catalog import Catalog
from gateway.config.comparing.compare import compare
from gateway.config.comparing.report import plan_json, plan_text
from gateway.config.compiled import Config
from gateway.config.compiler import compile_config
from gateway.config.report import render_text
from gateway.config.showing import Showing, place
from gateway.config.written import Written

DIFFERENT: Final = 5


@click.command("diff")
@click.argument("old", required=False, type=click.Path(path_type=Path, exists=True))
@click.argument("new", required=False, type=click.Path(path_type=Path, exists=True))
@click.option("--running", is_flag=True, help="What a running gateway serves against its files as they are now.")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text")
@click.option("--exit-code", is_flag=True, help="Exit with 5 where there are differences.")
@at_gateway()
def command(old: Path | None, new: Path | None, running: bool, form: str, exit_code: bool, gateway: Gateway) -> None:
    """Tell what changes when NEW takes the place of OLD: routes, settings, instances, and what becomes less safe."""
    if running:
        told = gateway.get("/admin/plan")
        click.echo(told["text"] if form == "text" else json.dumps(told["plan"], indent=2))
        if exit_code and told["different"]:
            sys.exit(DIFFERENT)
        return
    if old is None or new is None:
        raise click.UsageError("name OLD and NEW, or give --running")
    configs = _compiled(old), _compiled(new)
    shown = _shown(configs[0]), _shown(configs[1])
    plan = compare(*configs, shown)
    render = plan_text if form == "text" else plan_json
    click.echo(render(plan, lambda mark: place(mark, configs[1].home, configs[0].home)))
    if exit_code and plan.different:
        sys.exit(DIFFERENT)


def _shown(config: Config) -> Showing:
    return Showing(config, Written.of(config))


def _compiled(path: Path) -> Config:
    """Nothing can be said about a configuration that is not whole."""
    compiled = compile_config(path, os.environ, Catalog.installed())
    if compiled.config is None or compiled.broken:
        click.echo(render_text(compiled), err=True)
        sys.exit(1)
    return compiled.config
