"""`memory-gateway list`: the plugins that a configuration may name here, and what they still need."""

import sys

import click

from gateway.config.catalog import GROUPS, Catalog, missing_packages


@click.command("list")
@click.argument("group", required=False, type=click.Choice(GROUPS))
def command(group: str | None) -> None:
    """List the providers, embedders, strategies and summarizers that can be used."""
    catalog = Catalog.installed()
    for each in GROUPS:
        if group not in (None, each):
            continue
        click.echo(f"{each}:")
        for name, plugin in sorted(catalog.of(each).items()):
            extras = sorted({extra for _, extra in missing_packages(plugin)})
            needs = f"  (pip install 'memory-gateway[{','.join(extras)}]')" if extras else ""
            about = (sys.modules[plugin.__module__].__doc__ or "").strip().split("\n")[0]
            click.echo(f"  {name:<14} {about}{needs}".rstrip())
    for problem in catalog.problems:
        click.echo(f"warning: {problem}", err=True)
