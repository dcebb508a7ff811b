"""Which route serves a request and what it comes to there, in lines for people; from the same objects that serve it."""

from collections.abc import Mapping
from typing import Any, cast

import msgspec

from gateway.config.compiled import Config, RouteConfig
from gateway.config.showing import Showing, brief, place
from gateway.domain.errors import NotFound
from gateway.domain.principal import Principal, Role
from gateway.runtime.callers import principal_of_key
from gateway.runtime.facts import Facts
from gateway.runtime.routing import choose, weigh
from gateway.runtime.tenancy import candidates_of


def explained(config: Config, shown: Showing, principal: Principal, facts: Facts) -> list[str]:
    """Refuses what serving would refuse."""
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
    lines += _effective(config, shown, winner)
    return lines


def _chain(config: Config, route: RouteConfig) -> list[str]:
    chain = config.chains[route.chain]
    steps = " -> ".join(
        f"{step.provider} ({config.providers[step.provider].type_name}, {step.role})" for step in chain.steps
    )
    lines = [f"{'chain':<11}{chain.name:<24}{steps}"]
    embedder = config.providers[chain.primary].embedder
    if embedder:
        lines.append(f"{'embedder':<11}{embedder:<24}{config.embedders[embedder].type_name}")
    rule = route.scope
    said = [f"{word} {', '.join(sorted(parts))}" for word, parts in _rule(rule) if parts]
    lines.append(f"{'scope':<11}{'; '.join(said) or 'the tenant'}")
    return lines


def _rule(rule: Any) -> list[tuple[str, frozenset[str]]]:
    return [("needs", rule.require), ("any of", rule.any_of), ("narrowed by", rule.allow), ("notes", rule.context)]


def _effective(config: Config, shown: Showing, route: RouteConfig) -> list[str]:
    """Each value that somebody set, references as they are written."""
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


def principal_of(config: Config, tenant: str, key_id: str) -> Principal:
    """The named key's principal; without a name, somebody who may do everything. NotFound for names nobody has."""
    if tenant not in config.tenants:
        raise NotFound(f"no tenant {tenant!r}; known: {', '.join(sorted(config.tenants))}", code="no_tenant")
    for key in config.tenants[tenant].auth.api_keys:
        if key_id and key_id in (key.id, key.hash[7:19]):
            return msgspec.structs.replace(principal_of_key(tenant, key), id=key_id)
    if key_id:
        raise NotFound(f"tenant {tenant!r} has no key with the id {key_id!r}", code="no_key")
    return Principal(id="anyone", tenant=tenant, roles=frozenset(Role))
