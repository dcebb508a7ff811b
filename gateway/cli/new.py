"""`memory-gateway new tenant`: a tenant's file with a fresh API key. Overwrites nothing."""

import os
import re
import sys
from pathlib import Path
from typing import Any, cast

import click

from gateway.auth.keys import new_key
from gateway.config.catalog import Catalog
from gateway.config.compiler import compile_config
from gateway.config.located import read_tree
from gateway.config.model import NAME_PATTERN
from gateway.config.report import render_text
from gateway.config.scaffold import new_tenant
from gateway.config.text import read_text


@click.group("new")
def command() -> None:
    """New parts of a configuration."""


@command.command("tenant")
@click.argument("name")
@click.option("--dir", "folder", type=click.Path(path_type=Path, file_okay=False), default=Path(), show_default=True,
              help="The folder of the gateway.yaml.")  # fmt: skip
@click.option("--provider", "providers", multiple=True, help="Type of a backend of its own. May be repeated.")
def tenant(name: str, folder: Path, providers: tuple[str, ...]) -> None:
    """Write tenants/NAME.yaml with a new API key, which is shown once."""
    catalog = Catalog.installed()
    gateway, file = folder / "gateway.yaml", folder / "tenants" / f"{name}.yaml"
    if not re.fullmatch(NAME_PATTERN, name):
        raise click.BadParameter(
            "names start with a lower-case letter; then lower case, digits, - and _", param_hint="NAME"
        )
    if unknown := sorted(set(providers) - set(catalog.providers)):
        known = ", ".join(sorted(catalog.providers))
        raise click.BadParameter(f"no provider type {unknown[0]!r}; known: {known}", param_hint="--provider")
    if not gateway.is_file():
        raise click.UsageError(f"there is no {gateway}: run `memory-gateway init {folder}` first")
    key = new_key(os.urandom)
    made = new_tenant(name, key.hash, key.id, dict.fromkeys(providers), _chain(gateway), catalog)
    file.parent.mkdir(exist_ok=True)
    try:
        with file.open("x", encoding="utf-8") as out:
            out.write(made.text)
    except FileExistsError:
        click.echo(f"nothing is written: {file} is there already", err=True)
        sys.exit(1)
    click.echo(f"wrote {file}", err=True)
    click.echo(f"key of the tenant {name!r}, shown this once:", err=True)
    click.echo(key.text)
    for variable in made.needs:
        click.echo(f"set {variable}, which the file refers to", err=True)
    _check(gateway, name, {**os.environ, **dict.fromkeys(made.needs, "unset")}, catalog)


def _check(gateway: Path, name: str, env: dict[str, str], catalog: Catalog) -> None:
    """What the configuration says to it: a policy may not allow it, or no pattern include it."""
    compiled = compile_config(gateway, env, catalog)
    if compiled.config is None or name in compiled.broken:
        click.echo(render_text(compiled), err=True)
        sys.exit(1)
    if name not in compiled.config.tenants:
        click.echo(f"{gateway} does not include it: add `include: tenants/*.yaml`", err=True)
        sys.exit(1)


def _chain(gateway: Path) -> str | None:
    """A chain to name, where the gateway's defaults name none: its first chain, else its first provider."""
    text, _ = read_text(gateway, gateway.read_bytes())
    located = read_tree(text)[0] if text else None
    tree: Any = located.tree if located else None
    if not isinstance(tree, dict) or _below(tree, "defaults").get("chain"):
        return None
    return next(iter([*_below(tree, "chains"), *_below(tree, "providers")]), None)


def _below(tree: Any, key: str) -> dict[str, Any]:
    found: Any = cast("dict[str, Any]", tree).get(key)
    return cast("dict[str, Any]", found) if isinstance(found, dict) else {}
