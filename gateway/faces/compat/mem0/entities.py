"""Users, agents, apps and runs as mem0 lists and deletes them, and deleting all of somebody's memories.

Nothing here reaches further than the caller's tenant, and a credential that is bound to a user sees and deletes only its
own. What a filter does not say plainly is refused: nothing is ever deleted because it was not understood.
"""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from gateway.domain.errors import Invalid, Malformed, NotFound
from gateway.faces.compat.mem0.asking import ENTITIES, mapping_of, query_of
from gateway.faces.compat.mem0.events import event_id
from gateway.faces.compat.mem0.filters import APP, Wanted, scoped, wanted
from gateway.faces.compat.mem0.serving import of, reply, routes
from gateway.faces.http.exchange import Exchange, Reply
from gateway.services.memories.across import DELETE_ACROSS, DELETE_ANYWHERE
from gateway.services.memories.owners import OWNERS, Asked, Owner
from gateway.services.memories.removing import Removal

PARTS: Final = ("user", "agent", "run")
_KINDS: Final = (*PARTS, "app")
_DELETED_BY: Final = frozenset({*ENTITIES, APP, "metadata", "filters"})


async def listed(exchange: Exchange) -> Reply:
    query_of(exchange.query, {"page", "page_size"})
    found = await owners(exchange)
    return reply({"count": len(found), "next": None, "previous": None, "results": [_shown(each) for each in found]})


async def deleted(exchange: Exchange) -> Reply:
    query_of(exchange.query, ())
    count = await delete(exchange, known(exchange.path["kind"]), exchange.path["name"])
    return reply({"message": "Entity deleted successfully!", "event_id": event_id(()), "deleted": count})


async def deleted_all(exchange: Exchange) -> Reply:
    """Exactly what the query says plainly; a query that names nobody is refused."""
    count = await delete_by(exchange, query_of(exchange.query, _DELETED_BY))
    return reply({"message": f"{count} memories deleted", "event_id": event_id(()), "deleted": count})


async def delete_by(exchange: Exchange, asked: Mapping[str, Any], *, bare: bool = False) -> int:
    conditions: list[Any] = [{name: asked[name]} for name in (*ENTITIES, APP) if name in asked]
    if any(not value for condition in conditions for value in condition.values()):
        raise Malformed("an id that is empty names nobody", code="bad_filter")
    for name in ("filters", "metadata"):
        if name in asked:
            read = mapping_of(asked[name], name)
            conditions.append(read if name == "filters" else {"metadata": read})
    found = scoped(wanted({"AND": conditions} if conditions else None, bare=bare), bound=False)
    return (await of(exchange, DELETE_ACROSS, Removal, found, {})).deleted


async def owners(exchange: Exchange) -> list[Owner]:
    """Of every route that holds memories, each once."""
    found: dict[tuple[str, str], Owner] = {}
    for route in routes(exchange):
        try:
            listing = await exchange.perform(OWNERS, exchange.facts(OWNERS, route=route), Asked(labels=[APP]))
        except Invalid:
            continue  # this caller cannot choose whom to ask about there
        for each in listing.owners:
            found.setdefault((each.kind, each.name), each)
    return [found[key] for key in sorted(found)]


def known(kind: str) -> str:
    if kind not in _KINDS:
        raise NotFound(f"no entities of type {kind!r}; there are {', '.join(_KINDS)}", code="no_entity")
    return kind


async def delete(exchange: Exchange, kind: str, name: str) -> int:
    """All memories of one entity, on every route where there are such. None is no failure: they may be gone with others."""
    if kind == "app":
        return await delete_everywhere(exchange, Wanted(rest={f"metadata.{APP}": name}))
    return await delete_everywhere(exchange, msgspec.structs.replace(Wanted(), **{kind: name}))


async def delete_everywhere(exchange: Exchange, about: Wanted) -> int:
    count, served, refused = 0, False, Invalid("no route here", code="no_route")
    for route in routes(exchange):
        try:
            count += (await of(exchange, DELETE_ANYWHERE, Removal, about, {}, route)).deleted
            served = True
        except Invalid as error:  # the route has no such owners
            refused = error
    if not served:
        raise refused
    return count


def _shown(each: Owner) -> dict[str, Any]:
    return {
        "id": f"{_type(each)}:{each.name}",
        "name": each.name,
        "type": _type(each),
        "total_memories": each.memories,
        "created_at": each.created_at,
        "updated_at": each.updated_at,
        "metadata": None,
    }


def _type(each: Owner) -> str:
    return "app" if each.kind == APP else each.kind
