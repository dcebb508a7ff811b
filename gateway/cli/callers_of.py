"""`memory-gateway keys callers`: the API keys of a configuration, what each may do and whether it holds now; no hashes."""

import os
import sys
from datetime import UTC, datetime
from pathlib import Path

import click

from gateway.config.catalog import Catalog
from gateway.config.compiler import compile_config
from gateway.config.model import ApiKey
from gateway.config.report import render_text
from gateway.domain.filtering import read_time
from gateway.runtime.callers import name_of_key


@click.command("callers")
@click.argument("config", type=click.Path(exists=True, path_type=Path))
@click.option("--tenant", help="Only this one's.")
def callers(config: Path, tenant: str | None) -> None:
    """List the API keys that CONFIG lets in."""
    compiled = compile_config(config, os.environ, Catalog.installed())
    if compiled.config is None:
        click.echo(render_text(compiled), err=True)
        sys.exit(1)
    now = datetime.now(UTC)
    for name, each in sorted(compiled.config.tenants.items()):
        if tenant not in (None, name):
            continue
        for key in each.auth.api_keys:
            kinds = "all kinds" if key.kinds is None else "+".join(key.kinds)
            user = "any user" if key.user is None else "one user"
            click.echo(
                f"{name:<20} {name_of_key(key):<24} {_state(key, now):<32} {'+'.join(key.roles)}, {kinds}, {user}"
            )


def _state(key: ApiKey, now: datetime) -> str:
    if key.expires and read_time(key.expires, "expires") <= now:
        return f"expired {key.expires}"
    if key.not_before and read_time(key.not_before, "not_before") > now:
        return f"from {key.not_before}"
    return f"until {key.expires}" if key.expires else "holds"
