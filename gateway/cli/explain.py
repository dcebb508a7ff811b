"""`memory-gateway explain`: which route serves a request, and why; from the same objects that would serve it."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import click

from gateway.config.catalog import Catalog
from gateway.config.compiled import Config, RouteConfig
from gateway.config.compiler import compile_config
from gateway.config.report import render_text
from gateway.config.showing import Showing, brief, place
from gateway.config.written import Written
from gateway.domain.errors import GatewayError
from gateway.domain.principal import Principal, Role
from gateway.domain.record import Family
from gateway.runtime.facts import Facts
from gateway.runtime.routing import choose, weigh
from gateway.runtime.tenancy import candidates_of


@click.command("explain")
@click.argument("config", type=click.Path(path_type=Path))
@click.option("--tenant", required=True)
@click.option("--kind", type=click.Choice([family.value for family in Family]), default=Family.MEMORY.value)
@click.option("--op", type=click.Choice(["add", "get", "list", "search", "update", "delete"]), default="search")
@click.option("--route", default="", help="As if the request named it.")
@click.option("--user", default="")
@click.option("--agent", default="")
@click.option("--run", default="")
@click.option("--header", "headers", multiple=True, metavar="NAME=VALUE")
@click.option("--key", "key_id", default="", help="Public id of the API key that calls.")
def command(config: Path, tenant: str, key_id: str, **asked: Any) -> None:
    """Which route and chain of CONFIG serve a request, why, and where each setting comes from."""
    compiled = compile_config(config, os.environ, Catalog.installed())
    if compiled.config is None or tenant in compiled.broken:
        click.echo(render_text(compiled), err=True)
        sys.exit(1)
    if tenant not in compiled.config.tenants:
        click.echo(f"no tenant {tenant!r}; known: {', '.join(sorted(compiled.config.tenants))}", err=True)
        sys.exit(2)
    try:
        for line in explained(compiled.config, _principal(compiled.config, tenant, key_id), _facts(asked)):
            click.echo(line)
    except GatewayError as error:
        click.echo(f"refused    {error.status} {error.code}: {error.detail}")
        sys.exit(1)


def explained(config: Config, principal: Principal, facts: Facts) -> list[str]:
    family = candidates_of(config.tenants[principal.tenant]).get(facts.family, ())
    winner = choose(family, facts, principal)[0].route
    lines = [f"{'tenant':<11}{principal.tenant:<24}credential: {principal.id}"]
    for number, verdict in enumerate(weigh(family, facts, principal)):
        route = verdict.candidate.route
        mark = "WINS   " if verdict.wins else "       "
        lines.append(
            f"{'routes' if number == 0 else '':<11}{route.name:<24}{mark}{verdict.reason:<44}{place(route.mark, config.home)}"
        )
    lines += _chain(config, winner)
    lines += _effective(config, winner)
    return lines


def _chain(config: Config, route: RouteConfig) -> list[str]:
    chain = config.chains[route.chain]
    steps = " -> ".join(
        f"{step.provider} ({config.providers[step.provider].type_name}, {step.role})" for step in chain.steps
    )
    lines = [f"{'chain':<11}{chain.name:<24}{steps}"]
    embedder = config.providers[chain.steps[0].provider].embedder
    if embedder:
        lines.append(f"{'embedder':<11}{embedder:<24}{config.embedders[embedder].type_name}")
    rule = route.scope
    said = [f"{word} {', '.join(sorted(parts))}" for word, parts in _rule(rule) if parts]
    lines.append(f"{'scope':<11}{'; '.join(said) or 'the tenant'}")
    return lines


def _rule(rule: Any) -> list[tuple[str, frozenset[str]]]:
    return [("needs", rule.require), ("any of", rule.any_of), ("narrowed by", rule.allow), ("notes", rule.context)]


def _effective(config: Config, route: RouteConfig) -> list[str]:
    """Each value that somebody set, references as they are written."""
    shown = Showing(config, Written.of(config))
    lines: list[str] = []
    for path, origin in sorted(route.origins.items()):
        value: Any = route.layer
        for step in path.split("."):
            value = (
                cast("Mapping[str, Any]", value).get(step) if isinstance(value, Mapping) else getattr(value, step, None)
            )
        said = f"{path} = {brief(shown.value(value, origin.mark))}"
        where = place(origin.mark, config.home)
        lines.append(f"{'effective' if not lines else '':<11}{said:<48}{origin.layer:<20}{where}")
    return lines


def _facts(asked: dict[str, Any]) -> Facts:
    headers = dict(pair.split("=", 1) for pair in asked.pop("headers") if "=" in pair)
    lowered = {name.lower(): value for name, value in headers.items()}
    return Facts(family=Family(asked.pop("kind")), header=lowered.get, **asked)


def _principal(config: Config, tenant: str, key_id: str) -> Principal:
    """The named key's principal; without a name, somebody who may do everything."""
    for key in config.tenants[tenant].auth.api_keys:
        if key_id and key_id in (key.id, key.hash[7:19]):
            return Principal(
                id=key_id, tenant=tenant, roles=frozenset(key.roles), user=key.user or "", claims=key.claims
            )
    if key_id:
        raise click.BadParameter(f"tenant {tenant!r} has no key with the id {key_id!r}", param_hint="--key")
    return Principal(id="anyone", tenant=tenant, roles=frozenset(Role))
