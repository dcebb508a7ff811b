"""`memory-gateway schema`: write the JSON Schemas of the config language, or check that they are current."""

import sys
from pathlib import Path

import click

from gateway.config.catalog import Catalog
from gateway.config.schema import published


@click.command("schema")
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), default=Path("schemas"), show_default=True)
@click.option("--check", is_flag=True, help="Write nothing; exit with 1 where a file is not current.")
@click.option("--installed", is_flag=True, help="With the plugins of other packages that are installed here.")
def command(out: Path, check: bool, installed: bool) -> None:
    """Write the schemas that editors use, one for each kind of file."""
    texts = published(Catalog.installed() if installed else Catalog.builtin())
    stale = [
        name for name, text in texts.items() if not (out / name).is_file() or (out / name).read_text("utf-8") != text
    ]
    if check:
        for name in stale:
            click.echo(f"{out / name} is not current: run `memory-gateway schema`", err=True)
        sys.exit(1 if stale else 0)
    out.mkdir(parents=True, exist_ok=True)
    for name in stale:
        (out / name).write_text(texts[name], "utf-8")
        click.echo(f"wrote {out / name}")
