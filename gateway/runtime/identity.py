"""Where the scope parts of a request come from, and what scope they make. One rule for every face.

A template counts only if everything it names is there, so `{header.x-org}-{claim.sub}` never becomes `-sub`.
A missing part is refused; there is no shared bucket to fall into.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeAlias, cast

import msgspec

from gateway.config.model import Identity
from gateway.domain.errors import Forbidden, Invalid, Malformed
from gateway.domain.principal import Principal
from gateway.domain.scope import PARTS, Part, Reach, Scope, ScopeRule, check_part
from gateway.runtime.facts import Facts

Source: TypeAlias = Callable[[Facts, Principal], str | None]
_VARIABLE: Final = re.compile(r"\{([^{}]+)\}")


class Parts(msgspec.Struct, frozen=True):
    """The parts of one request, as its route reads them; "" where there is none."""

    user: str = ""
    agent: str = ""
    run: str = ""

    def of(self, part: Part) -> str:
        return cast("str", getattr(self, part))


class Claimed(msgspec.Struct, frozen=True):
    """What a request may touch: it writes into `scope`, and reads within `reach`."""

    scope: Scope
    reach: Reach
    parts: Parts
    pinned: bool  # whether any part is exact, so that the reach is less than the tenant's shared ground


class IdentityReader:
    """The `identity:` of a route, its templates taken apart once."""

    def __init__(self, identity: Identity) -> None:
        self._plain = identity == Identity()
        # Most routes read the parts as they were sent: thousands of them need no templates.
        self._sources = {} if self._plain else {part: _sources(getattr(identity, part)) for part in PARTS}
        self._free = frozenset(part for part in PARTS if f"{{request.{part}}}" in _templates(getattr(identity, part)))

    def read(self, facts: Facts, principal: Principal) -> Parts:
        """The parts; Forbidden where a credential bound to a user names another one."""
        if self._plain:
            user, agent, run = facts.user, facts.agent, facts.run
        else:
            user, agent, run = (self._first(part, facts, principal) for part in PARTS)
        if principal.user:
            if user and user != principal.user:
                raise Forbidden("this credential may name its own user only", code="user_bound", at="user_id")
            user = principal.user
        return Parts(user, agent, run)

    def chosen(self, principal: Principal) -> frozenset[Part]:
        """The parts that this caller's requests may name as they like."""
        bound: set[Part] = {"user"} if principal.user else set()
        return frozenset(part for part in PARTS if part not in bound and (self._plain or part in self._free))

    def _first(self, part: Part, facts: Facts, principal: Principal) -> str:
        for source in self._sources[part]:
            found = source(facts, principal)
            if found:
                return found
        return ""


def claim(rule: ScopeRule, parts: Parts, tenant: str, space: str) -> Claimed:
    """The scope and reach that a route's rule makes of the parts, or Malformed / Invalid with what is missing."""
    user = _owning(rule, "user", parts.user)
    agent = _owning(rule, "agent", parts.agent)
    run = _owning(rule, "run", parts.run)
    if rule.any_of and not any(parts.of(part) for part in rule.any_of):
        wanted = " or ".join(f"{part}_id" for part in PARTS if part in rule.any_of)
        raise Malformed(f"this route needs {wanted}", code="missing_scope_part")
    scope = Scope(tenant, space, user, agent, run)
    if not user and not agent and not run:
        return Claimed(scope, Reach.only(scope), parts, pinned=False)
    # The user is never free: a reach without one covers only what belongs to no user.
    reach = Reach(tenant, space, user, agent or _free(rule, "agent"), run or _free(rule, "run"))
    return Claimed(scope, reach, parts, pinned=True)


def claim_across(
    rule: ScopeRule, parts: Parts, chosen: frozenset[Part], tenant: str, space: str, *, required: bool
) -> Claimed:
    """As `claim`, but a part that is not named, and that the caller could have named at will, is any part: whoever may
    name each owner may ask about all of them at once. With `required`, what the rule requires must be named still.
    """
    user, agent, run = (_any_or_owning(rule, part, parts, chosen, required=required) for part in PARTS)
    scope = Scope(tenant, space, user or "", agent or "", run or "")
    if rule.any_of and not any(parts.of(part) for part in rule.any_of) and not rule.any_of <= chosen:
        return claim(rule, parts, tenant, space)  # refuses, in its own words
    return Claimed(scope, Reach(tenant, space, user, agent, run), parts, pinned=scope != Scope(tenant, space))


def _any_or_owning(rule: ScopeRule, part: Part, parts: Parts, chosen: frozenset[Part], *, required: bool) -> str | None:
    value = parts.of(part)
    if not value and part in chosen and (not required or part not in rule.require):
        return None if part in rule.require | rule.allow | rule.any_of else ""
    return _owning(rule, part, value) or (_free(rule, part) if part != "user" else "")


def _owning(rule: ScopeRule, part: Part, value: str) -> str:
    """The value where it is there and makes the owner, else ""."""
    if not value:
        if part in rule.require:
            raise Malformed(f"this route needs {part}_id", code="missing_scope_part", at=f"{part}_id")
        return ""
    check_part(value, f"{part}_id")
    if part in rule.require or part in rule.allow or part in rule.any_of:
        return value
    if part not in rule.context:
        raise Invalid(f"this route takes no {part}_id", code="scope_not_allowed", at=f"{part}_id")
    return ""


def _free(rule: ScopeRule, part: Part) -> str | None:
    """What a reach says of a part that is not there: any, where the rule leaves it open; none, where it does not."""
    return None if part in rule.allow or part in rule.any_of else ""


def _templates(templates: str | Sequence[str]) -> Sequence[str]:
    return [templates] if isinstance(templates, str) else templates


def _sources(templates: str | Sequence[str]) -> list[Source]:
    return [_template(text) for text in _templates(templates)]


def _template(text: str) -> Source:
    pieces = _VARIABLE.split(text)  # literal, variable, literal, ...
    variables = [_variable(name) for name in pieces[1::2]]
    literals = pieces[::2]

    def read(facts: Facts, principal: Principal) -> str | None:
        out = [literals[0]]
        for variable, literal in zip(variables, literals[1:], strict=True):
            value = variable(facts, principal)
            if not value:
                return None
            out += (value, literal)
        return "".join(out)

    return read


def _variable(name: str) -> Source:
    group, _, rest = name.partition(".")
    match group:
        case "request":
            return lambda facts, _: cast("str", getattr(facts, rest))
        case "header":
            return lambda facts, _: facts.header(rest.lower())
        case "key":
            return lambda _, principal: principal.user if rest == "user" else principal.id
        case "claim":
            path = rest.split(".")
            return lambda _, principal: claim_text(principal.claims, path)
        case _:
            raise ValueError(f"unknown variable {{{name}}}")


def claim_text(claims: Mapping[str, Any], path: Sequence[str]) -> str | None:
    """The text or number at a path of the claims; None for anything else."""
    value: Any = claims
    for step in path:
        if not isinstance(value, Mapping):
            return None
        value = cast("Mapping[str, Any]", value).get(step)
    if isinstance(value, bool) or not isinstance(value, str | int):
        return None
    return str(value)
