"""`memory-gateway reference`: every key of the configuration language, as Markdown."""

import click

from gateway.config.catalog import Catalog
from gateway.config.reference import render_reference


@click.command("reference")
@click.option("--installed", is_flag=True, help="With the plugins of other packages that are installed here.")
def command(*, installed: bool) -> None:
    """Print the configuration reference."""
    click.echo(render_reference(Catalog.installed() if installed else Catalog.builtin()), nl=False)
