"""`memory-gateway explain`: which route serves a request, and why; from the same objects that would serve it."""

import os
import sys
from pathlib import Path
from typing import Any

import click

from gateway.cli.remote import Gateway, at_gateway
from gateway.config.catalog import Catalog
from gateway.config.compiler import compile_config
from gateway.config.report import render_text
from gateway.config.showing import Showing
from gateway.config.written import Written
from gateway.domain.errors import GatewayError, NotFound
from gateway.domain.record import Family
from gateway.runtime.explaining import explained, principal_of
from gateway.runtime.facts import Facts


@click.command("explain")
@click.argument("config", required=False, type=click.Path(path_type=Path))
@click.option("--live", is_flag=True, help="Ask the gateway that runs, in place of the files.")
@click.option("--tenant", required=True)
@click.option("--kind", type=click.Choice([family.value for family in Family]), default=Family.MEMORY.value)
@click.option("--op", type=click.Choice(["add", "get", "list", "search", "update", "delete"]), default="search")
@click.option("--route", default="", help="As if the request named it.")
@click.option("--user", default="")
@click.option("--agent", default="")
@click.option("--run", default="")
@click.option("--header", "headers", multiple=True, metavar="NAME=VALUE")
@click.option("--key", "key_id", default="", help="Public id of the API key that calls.")
@at_gateway("--admin-key")
def command(config: Path | None, live: bool, tenant: str, key_id: str, gateway: Gateway, **asked: Any) -> None:
    """Which route and chain serve a request, why, and where each setting comes from."""
    if live:
        reply = gateway.get("/admin/explain", tenant=tenant, caller=key_id, **_named(asked))
        for line in reply["lines"]:
            click.echo(line)
        sys.exit(1 if reply["refused"] else 0)
    if config is None:
        raise click.UsageError("name the CONFIG to explain, or give --live")
    compiled = compile_config(config, os.environ, Catalog.installed())
    if compiled.config is None or tenant in compiled.broken:
        click.echo(render_text(compiled), err=True)
        sys.exit(1)
    try:
        principal = principal_of(compiled.config, tenant, key_id)
    except NotFound as error:
        click.echo(error.detail, err=True)
        sys.exit(2)
    shown = Showing(compiled.config, Written.of(compiled.config))
    try:
        for line in explained(compiled.config, shown, principal, _facts(asked)):
            click.echo(line)
    except GatewayError as error:
        click.echo(f"refused    {error.status} {error.code}: {error.detail}")
        sys.exit(1)


def _facts(asked: dict[str, Any]) -> Facts:
    headers = dict(pair.split("=", 1) for pair in asked.pop("headers") if "=" in pair)
    lowered = {name.lower(): value for name, value in headers.items()}
    return Facts(family=Family(asked.pop("kind")), header=lowered.get, **asked)


def _named(asked: dict[str, Any]) -> dict[str, Any]:
    """As the admin face calls them; what was not said is not sent."""
    headers = asked.pop("headers")
    return {name: value for name, value in {**asked, "header": list(headers)}.items() if value}
