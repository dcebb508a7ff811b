"""Long-term memories by their ids, which are the client's own: seen, edited, deleted.

An id is looked for on every route of the key's tenant that holds memories.
"""

from typing import Final

import msgspec

from gateway.domain.errors import Invalid, NotFound
from gateway.faces.compat.agent_memory.records import ID, Edit, edited, shown
from gateway.faces.compat.agent_memory.serving import ok, reply
from gateway.faces.compat.agent_memory.whose import Whose, facts_of, noted, of
from gateway.faces.compat.asking import body_of, query_of, request_of
from gateway.faces.compat.mem0.serving import routes
from gateway.faces.http.exchange import Exchange, Reply
from gateway.services.memories.across import LIST_ANYWHERE
from gateway.services.memories.changing import UPDATE, Change
from gateway.services.memories.reading import Listing, One
from gateway.services.memories.removing import DELETE
from gateway.services.views import Memory

_MOST: Final = 500


class Place(msgspec.Struct, frozen=True):
    memory: Memory
    route: str

    @property
    def whose(self) -> Whose:
        return of(self.memory.user_id, self.memory.agent_id, self.memory.run_id)


class Ids(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    memory_ids: list[str] = []


async def seen(exchange: Exchange) -> Reply:
    return reply(shown((await one(exchange)).memory))


async def changed(exchange: Exchange) -> Reply:
    exchange.principal.require(UPDATE.role)  # before it is looked for
    place, edit = await one(exchange), body_of(exchange.body, Edit)
    named = of(edit.user_id, edit.namespace, edit.session_id)
    for part in ("user", "agent", "run"):
        if getattr(named, part) and getattr(named, part) != getattr(place.whose, part):
            raise Invalid("whose a memory is does not change: make it anew and delete this one", code="fixed_owner")
    values = edited(edit)
    if not values:
        raise Invalid("name a field to change", code="no_change")
    facts = facts_of(exchange, UPDATE, place.whose, place.route)
    request = request_of(Change, {**values, "memory_id": place.memory.id})
    return reply(shown(await exchange.perform(UPDATE, facts, request)))


async def deleted(exchange: Exchange) -> Reply:
    """Those that are there; how many were."""
    exchange.principal.require(DELETE.role)
    ids = query_of(exchange.query, Ids, several=("memory_ids",)).memory_ids
    if len(ids) > _MOST:
        raise Invalid(f"{len(ids)} ids; {_MOST} is the most", code="batch_too_large", at="memory_ids")
    count = 0
    for place in await found(exchange, ids):
        facts = facts_of(exchange, DELETE, place.whose, place.route)
        count += (await exchange.perform(DELETE, facts, One(memory_id=place.memory.id))).deleted
    return ok(f"deleted {count} memories")


async def one(exchange: Exchange) -> Place:
    places = await found(exchange, [exchange.path["memory_id"]])
    if not places:
        raise NotFound("no memory with this id", code="no_memory")
    return places[0]


async def found(exchange: Exchange, ids: list[str]) -> list[Place]:
    """Within the caller's reach, the newest of each route first."""
    places: list[Place] = []
    if not ids:
        return places
    named = {"OR": [{f"metadata.{ID}": {"in": ids}}, {"id": {"in": ids}}]}
    for route in routes(exchange):
        facts = exchange.facts(LIST_ANYWHERE, route=route)
        try:
            tests = {"AND": [named, *noted(exchange, facts)]}
            page = await exchange.perform(LIST_ANYWHERE, facts, request_of(Listing, {"filters": tests, "limit": 1000}))
        except Invalid:
            continue  # the route wants an owner whom this caller cannot choose
        places += [Place(memory, route) for memory in page.memories]
    return places
