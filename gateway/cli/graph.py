"""`memory-gateway graph`: tenants, routes, chains and providers as a picture, in Mermaid or DOT."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import click

from gateway.config.catalog import Catalog
from gateway.config.compiled import Config
from gateway.config.compiler import compile_config
from gateway.config.report import render_text


@click.command("graph")
@click.argument("config", type=click.Path(path_type=Path))
@click.option("--tenant", help="Only this one.")
@click.option("--format", "form", type=click.Choice(["mermaid", "dot"]), default="mermaid")
def command(config: Path, tenant: str | None, form: str) -> None:
    """Draw CONFIG."""
    compiled = compile_config(config, os.environ, Catalog.installed())
    if compiled.config is None:
        click.echo(render_text(compiled), err=True)
        sys.exit(1)
    if tenant is not None and tenant not in compiled.config.tenants:
        click.echo(f"no tenant {tenant!r}; known: {', '.join(sorted(compiled.config.tenants))}", err=True)
        sys.exit(2)
    edges = sorted(set(_edges(compiled.config, tenant)))
    click.echo("\n".join(_mermaid(edges) if form == "mermaid" else _dot(edges)))


Node = tuple[str, str]  # what it is, and its name
Edge = tuple[Node, Node, str]


def _edges(config: Config, only: str | None) -> Iterator[Edge]:
    for tenant in config.tenants.values():
        if only not in (None, tenant.name):
            continue
        for route in tenant.routes:
            here: Node = ("route", f"{tenant.name}/{route.name}")
            yield ("tenant", tenant.name), here, ", ".join(sorted(family.value for family in route.families))
            chain = config.chains[route.chain]
            link: Node = ("chain", chain.key)
            alone = chain.key in config.providers
            if not alone:
                yield here, link, config.strategies[route.strategy].name
            for step in chain.steps:
                provider = config.providers[step.provider]
                end: Node = ("provider", f"{provider.key} ({provider.type_name})")
                yield (here, end, config.strategies[route.strategy].name) if alone else (link, end, step.role)


def _mermaid(edges: list[Edge]) -> Iterator[str]:
    shapes = {"tenant": "([{}])", "route": "[{}]", "chain": "{{{{{}}}}}", "provider": "[({})]"}
    yield "flowchart LR"
    nodes = {node: f"n{number}" for number, node in enumerate(sorted({node for edge in edges for node in edge[:2]}))}
    for (kind, name), ident in nodes.items():
        yield f"  {ident}{shapes[kind].format(_quoted(name))}"
    for start, end, label in edges:
        yield f"  {nodes[start]} -->|{label}| {nodes[end]}"


def _dot(edges: list[Edge]) -> Iterator[str]:
    shapes = {"tenant": "oval", "route": "box", "chain": "hexagon", "provider": "cylinder"}
    yield "digraph gateway {"
    yield "  rankdir=LR;"
    for kind, name in sorted({node for edge in edges for node in edge[:2]}):
        yield f"  {_quoted(f'{kind}:{name}')} [label={_quoted(name)} shape={shapes[kind]}];"
    for start, end, label in edges:
        yield f"  {_quoted(':'.join(start))} -> {_quoted(':'.join(end))} [label={_quoted(label)}];"
    yield "}"


def _quoted(text: str) -> str:
    return '"' + text.replace('"', "'") + '"'
