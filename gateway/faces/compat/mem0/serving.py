"""From a request of mem0's into the services: on which route, about whose memories."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeVar

import msgspec

from gateway.domain.errors import Forbidden, GatewayError, Invalid, NotFound
from gateway.domain.record import Family
from gateway.domain.scope import PARTS
from gateway.faces.compat.mem0.asking import ENTITIES, is_object, request_of, text_of
from gateway.faces.compat.mem0.filters import Wanted
from gateway.faces.http.exchange import Exchange, Reply
from gateway.runtime.facts import Facts
from gateway.services.call import Operation
from gateway.services.memories.across import GET_ANYWHERE
from gateway.services.memories.reading import One
from gateway.services.views import Memory

MOST_ROUTES: Final = 16  # that are looked through for an id
Request = TypeVar("Request")
Answered = TypeVar("Answered")

_encode = msgspec.json.Encoder().encode


def reply(value: Any, status: int = 200) -> Reply:
    return Reply(status=status, content=_encode(value))


class Place(msgspec.Struct, frozen=True):
    """Where a memory was found: all that names it once more."""

    memory: Memory
    route: str

    def facts(self, exchange: Exchange, operation: Operation[Any, Any]) -> Facts:
        memory = self.memory
        return exchange.facts(
            operation,
            user=memory.user_id or "",
            agent=memory.agent_id or "",
            run=memory.run_id or "",
            route=self.route,
        )


async def of(
    exchange: Exchange,
    operation: Operation[Request, Answered],
    kind: type[Request],
    wanted: Wanted,
    values: Mapping[str, Any],
    route: str = "",
) -> Answered:
    """The operation on what a filter is about, and on nothing else."""
    facts = exchange.facts(operation, user=wanted.user, agent=wanted.agent, run=wanted.run, route=route)
    conditions = [each for each in (wanted.rest, *_compared(exchange, facts)) if each]
    filters = {"AND": conditions} if len(conditions) > 1 else conditions[0] if conditions else {}
    return await exchange.perform(operation, facts, request_of(kind, {**values, "filters": filters}))


def _compared(exchange: Exchange, facts: Facts) -> list[dict[str, str]]:
    """A part that the route only notes owns nothing, so it has to be compared. One that it takes from elsewhere than the
    request cannot be named: what was asked about somebody is never answered, or deleted, of somebody else."""
    route, parts = exchange.snapshot.route(exchange.principal, facts)
    compared: list[dict[str, str]] = []
    for part in PARTS:
        named, found = getattr(facts, part), parts.of(part)
        if not named:
            continue
        unnamed = msgspec.structs.replace(facts, **{part: ""})
        if named != found and route.identity.read(unnamed, exchange.principal).of(part) == found:
            raise Forbidden(f"this route does not let a request choose the {part}", code="user_bound", at=f"{part}_id")
        if part in route.config.scope.context:
            compared.append({part: found})
    return compared


def owner(asked: Mapping[str, Any]) -> dict[str, str]:
    """Whose it is, at the top or among the filters: as facts name it."""
    filters = asked.get("filters")
    inner: Mapping[str, Any] = filters if is_object(filters) else {}
    if inner and not inner.keys() <= {*ENTITIES, "app_id"}:
        raise Invalid("filters of what is added may only name whose it is", code="bad_filter", at="filters")
    named = {name: text_of(asked, name) or text_of(inner, name) for name in ENTITIES}
    return {ENTITIES[name]: value for name, value in named.items() if value}


def routes(exchange: Exchange) -> Sequence[str]:
    """Every route that holds memories, the one that takes a request of nobody's first; only that which is named, if any."""
    named = exchange.header("x-memory-route")
    if named:
        return [named]
    candidates = exchange.snapshot.candidates(exchange.principal.tenant, Family.MEMORY)
    ordered = sorted(candidates, key=lambda each: not each.route.default)
    return [each.route.name for each in ordered][:MOST_ROUTES]


async def find(exchange: Exchange, memory_id: str) -> Place:
    """mem0 names a memory by its id alone. NotFound where no route has it within the caller's reach."""
    refused: GatewayError | None = None
    for route in routes(exchange):
        facts = exchange.facts(GET_ANYWHERE, route=route)
        try:
            return Place(await exchange.perform(GET_ANYWHERE, facts, One(memory_id=memory_id)), route)
        except NotFound:
            continue
        except Invalid as error:  # the route wants an owner whom this caller cannot choose and has not named
            refused = error
    raise refused or NotFound("no memory with this id", code="no_memory")
