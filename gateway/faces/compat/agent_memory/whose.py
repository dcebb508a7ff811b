"""Whose memories and sessions a request is about: a user is a user, a namespace is an agent, and a session is a run.

What a client leaves out is not nobody's: it may be anybody's that the caller may name. What it names is never answered
with somebody else's.
"""

from typing import Any, Final

import msgspec

from gateway.domain.errors import Conflict, Forbidden, Malformed
from gateway.domain.scope import PARTS
from gateway.faces.compat.asking import request_of
from gateway.faces.http.exchange import Exchange
from gateway.runtime.facts import Facts
from gateway.services.call import Operation
from gateway.services.sessions.across import FIND_ANYWHERE
from gateway.services.sessions.listing import SessionListing
from gateway.services.sessions.showing import Session

_SEVERAL: Final = 2


class Whose(msgspec.Struct, frozen=True, kw_only=True):
    """ "" where the request says nothing."""

    user: str = ""
    agent: str = ""
    run: str = ""


def of(user_id: str | None, namespace: str | None, session_id: str | None) -> Whose:
    return Whose(user=user_id or "", agent=namespace or "", run=session_id or "")


def facts_of(exchange: Exchange, operation: Operation[Any, Any], whose: Whose, route: str = "") -> Facts:
    """Forbidden where a part is named that the route takes from elsewhere."""
    facts = exchange.facts(operation, user=whose.user, agent=whose.agent, run=whose.run, route=route)
    bound, parts = exchange.snapshot.route(exchange.principal, facts)
    for part in PARTS:
        named, found = getattr(whose, part), parts.of(part)
        unnamed = msgspec.structs.replace(facts, **{part: ""})
        if named and named != found and bound.identity.read(unnamed, exchange.principal).of(part) == found:
            raise Forbidden(f"this route does not let a request choose the {part}", code="user_bound", at=f"{part}_id")
    return facts


def noted(exchange: Exchange, facts: Facts) -> list[dict[str, Any]]:
    """A part that the route only notes owns nothing, so it has to be compared."""
    route, parts = exchange.snapshot.route(exchange.principal, facts)
    context = route.config.scope.context
    return [{part: {"eq": parts.of(part)}} for part in PARTS if part in context and parts.of(part)]


async def find(exchange: Exchange, whose: Whose) -> Session | None:
    """The one session that is meant: that of exactly these owners, or the only one of its id that the caller may name."""
    found = await _sessions(exchange, whose)
    exact = [each for each in found if (each.user_id or "", each.agent_id or "") == (whose.user, whose.agent)]
    if exact:
        return exact[0]
    if len(found) >= _SEVERAL:
        raise Malformed(
            "several users or namespaces have a session of this id: name user_id and namespace",
            code="ambiguous_session",
            at="session_id",
        )
    return found[0] if found else None


async def written(exchange: Exchange, whose: Whose) -> Whose:
    """Where a session is written: that user's one of this id, whatever its namespace, or else a new one.

    Nobody's where no user is named: a session is never replaced because its id was guessed.
    """
    facts = facts_of(exchange, FIND_ANYWHERE, whose)
    route, parts = exchange.snapshot.route(exchange.principal, facts)
    every = await _sessions(exchange, whose, compared=False)
    own = [each for each in every if (each.user_id or "") == parts.user]
    if "user" in route.config.scope.context and len(own) < len(every):
        raise Conflict("a session of this id is somebody else's", code="session_taken", at="session_id")
    if whose.agent or len(own) != 1:
        return whose
    return msgspec.structs.replace(whose, agent=own[0].agent_id or "")


async def _sessions(exchange: Exchange, whose: Whose, *, compared: bool = True) -> list[Session]:
    facts = facts_of(exchange, FIND_ANYWHERE, whose)
    tests = noted(exchange, facts) if compared else []
    request = request_of(SessionListing, {"limit": 100, "filters": {"AND": tests} if tests else {}})
    return (await exchange.perform(FIND_ANYWHERE, facts, request)).sessions
