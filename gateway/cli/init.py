"""`memory-gateway init`: a folder with a configuration that is valid as it stands. Asks nothing, overwrites nothing."""

import os
import sys
from pathlib import Path

import click

from gateway.auth.keys import new_key
from gateway.config.catalog import Catalog
from gateway.config.scaffold import GATEWAY, IGNORED, new_tenant
from gateway.config.schema import published


@click.command("init")
@click.argument("folder", required=False, default=Path(), type=click.Path(path_type=Path, file_okay=False))
def command(folder: Path) -> None:
    """Write a gateway.yaml, a first tenant with a key, schemas for the editor and a .gitignore into FOLDER."""
    catalog = Catalog.installed()
    key = new_key(os.urandom)
    texts = {
        "gateway.yaml": GATEWAY,
        "tenants/default.yaml": new_tenant("default", key.hash, key.id, (), None, catalog).text,
        ".gitignore": IGNORED,
        **{f"schemas/{name}": text for name, text in published(catalog).items()},
    }
    there = [name for name in texts if (folder / name).exists()]
    if there:
        click.echo(
            f"nothing is written: {', '.join(there)} {'is' if len(there) == 1 else 'are'} there already", err=True
        )
        sys.exit(1)
    for name, text in texts.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
        click.echo(f"wrote {path}", err=True)
    click.echo("key of the tenant 'default', shown this once:", err=True)
    click.echo(key.text)
    click.echo(f"next: memory-gateway serve {folder / 'gateway.yaml'}", err=True)
