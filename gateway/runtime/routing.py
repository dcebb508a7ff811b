"""Which route serves a request, and why the others do not. `explain` and the server ask the same function.

Routes of a tenant are tried by priority, then by how specific their match is; the file's order means nothing. The
configuration check has refused every pair that could tie.
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, cast

import msgspec

from gateway.config.compiled import RouteConfig
from gateway.config.model import Match
from gateway.config.overlap import conditions, specificity
from gateway.domain.errors import NotFound
from gateway.domain.principal import Principal
from gateway.runtime.facts import Facts
from gateway.runtime.identity import IdentityReader, Parts, claim_text

if TYPE_CHECKING:
    from gateway.domain.scope import Part

Condition = Callable[[Facts, Principal, Parts], bool]
Read = Callable[[Facts, Principal, Parts], str | None]


class Candidate(msgspec.Struct, frozen=True):
    """A route as the choice sees it. `reasons` say each condition in words, beside the test itself."""

    route: RouteConfig
    identity: IdentityReader
    conditions: tuple[tuple[str, Condition], ...]

    def rank(self) -> tuple[int, int, int, str]:
        """Sorts the winner first; the name only makes the order of equals repeatable."""
        return (-self.route.priority, self.route.default, -specificity(self.route.match), self.route.name)


class Verdict(msgspec.Struct, frozen=True):
    candidate: Candidate
    wins: bool
    reason: str


def candidate(route: RouteConfig) -> Candidate:
    return Candidate(route, IdentityReader(route.layer.identity), tuple(_conditions(route.match)))


def choose(candidates: Sequence[Candidate], facts: Facts, principal: Principal) -> tuple[Candidate, Parts]:
    """The first that takes the request. `candidates` are one tenant's routes of one family, sorted by rank."""
    for each in candidates:
        if facts.route and facts.route != each.route.name:
            continue
        parts = each.identity.read(facts, principal)
        if facts.route or takes(each, facts, principal, parts):
            return each, parts
    if facts.route:
        raise NotFound(f"no route {facts.route!r} holds {facts.family.value} records", code="no_route")
    raise NotFound(f"no route takes this {facts.family.value} request", code="no_route")


def takes(each: Candidate, facts: Facts, principal: Principal, parts: Parts) -> bool:
    """A route with neither `match` nor `default` is reached by its name only."""
    if each.route.match is None:
        return each.route.default
    return all(test(facts, principal, parts) for _, test in each.conditions)


def weigh(candidates: Sequence[Candidate], facts: Facts, principal: Principal) -> list[Verdict]:
    """Every route with the reason it won or lost: what `choose` decides, told in full."""
    winner = choose(candidates, facts, principal)[0]
    return [Verdict(each, each is winner, _reason(each, winner, facts, principal)) for each in candidates]


def _reason(each: Candidate, winner: Candidate, facts: Facts, principal: Principal) -> str:
    if each is winner:
        return "named by the request" if facts.route else "default" if each.route.match is None else "matches"
    if facts.route:
        return "another route is named"
    if each.route.match is None:
        return "default, not needed" if each.route.default else "reached by name only"
    parts = each.identity.read(facts, principal)
    failed = [text for text, test in each.conditions if not test(facts, principal, parts)]
    if failed:
        return "does not match: " + ", ".join(failed)
    lower = "priority" if each.route.priority < winner.route.priority else "specificity"
    return f"also matches, lost on {lower}"


def _conditions(match: Match | None) -> list[tuple[str, Condition]]:
    return [
        (f"{name} is {' or '.join(patterns)}", _condition(_reading(name), patterns))
        for name, patterns in conditions(match).items()
    ]


def _reading(name: str) -> Read:
    key, _, rest = name.partition(" ")
    match key:
        case "op":
            return lambda facts, _who, _parts: facts.op
        case "header":
            return lambda facts, _who, _parts: facts.header(rest)
        case "claim":
            path = rest.split(".")
            return lambda _facts, who, _parts: claim_text(who.claims, path)
        case _:
            part = cast("Part", key)
            return lambda _facts, _who, parts: parts.of(part)


def _condition(read: Read, patterns: tuple[str, ...]) -> Condition:
    exact = frozenset(text for text in patterns if not text.endswith("*"))
    prefixes = tuple(text[:-1] for text in patterns if text.endswith("*"))

    def test(facts: Facts, principal: Principal, parts: Parts) -> bool:
        value = read(facts, principal, parts)
        return value is not None and value != "" and (value in exact or value.startswith(prefixes))

    return test
