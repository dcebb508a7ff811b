"""Memories in the open server's words: the same reading, adding and filtering as the platform's, other envelopes.

Its filters take any key for one of the metadata. What it has no right to say of others it does not say here either:
`reset` and deleting go no further than the caller's tenant.
"""

from typing import Any, Final

from gateway.faces.compat.mem0 import entities, finding, single
from gateway.faces.compat.mem0.adding import KNOWN, add
from gateway.faces.compat.mem0.asking import ENTITIES, body_of, query_of
from gateway.faces.compat.mem0.filters import Wanted
from gateway.faces.compat.mem0.serving import find, reply
from gateway.faces.compat.mem0.showing import item
from gateway.faces.http.exchange import Exchange, Reply

_MOST: Final = 100  # that a listing has, unless it says how many
_LISTED: Final = frozenset({*ENTITIES, "top_k", "limit", "show_expired"})


async def added(exchange: Exchange) -> Reply:
    told = await add(exchange, body_of(exchange.body, KNOWN))
    return reply({"results": [_result(each.id, each.text, each.event, each.role, each.actor_id) for each in told]})


async def listed(exchange: Exchange) -> Reply:
    asked: dict[str, Any] = query_of(exchange.query, _LISTED)
    most = asked.pop("top_k", asked.pop("limit", _MOST))
    page = await finding.listing(exchange, {**asked, "page_size": most})
    return reply({"results": page["results"]})


async def seen(exchange: Exchange) -> Reply:
    return reply(item((await find(exchange, exchange.path["memory_id"])).memory))


async def changed(exchange: Exchange) -> Reply:
    place = await find(exchange, exchange.path["memory_id"])
    await single.change(exchange, place, body_of(exchange.body, single.CHANGED))
    return reply({"message": "Memory updated successfully!"})


async def deleted(exchange: Exchange) -> Reply:
    await single.remove(exchange, await find(exchange, exchange.path["memory_id"]))
    return reply({"message": "Memory deleted successfully"})


async def history(exchange: Exchange) -> Reply:
    steps = await single.past(exchange, exchange.path["memory_id"])
    return reply([{**each, "is_deleted": each["event"] == "DELETE"} for each in steps])


async def searched(exchange: Exchange) -> Reply:
    asked = body_of(exchange.body, finding.SEARCHED)
    return reply({"results": await finding.search(exchange, asked, bare=True)})


async def deleted_all(exchange: Exchange) -> Reply:
    await entities.delete_by(exchange, query_of(exchange.query, ENTITIES))
    return reply({"message": "All relevant memories deleted"})


async def reset(exchange: Exchange) -> Reply:
    """Everything that the caller may name, on every route of its tenant that holds memories."""
    await entities.delete_everywhere(exchange, Wanted())
    return reply({"message": "All memories reset"})


async def owners(exchange: Exchange) -> Reply:
    return reply(
        [
            {
                "id": each.name,
                "type": each.kind,
                "total_memories": each.memories,
                "created_at": each.created_at,
                "updated_at": each.updated_at,
            }
            for each in await entities.owners(exchange)
            if each.kind in entities.PARTS
        ]
    )


async def owner_deleted(exchange: Exchange) -> Reply:
    await entities.delete(exchange, entities.known(exchange.path["kind"]), exchange.path["name"])
    return reply({"message": "Entity deleted"})


def _result(id_: str, text: str, event: str, role: str | None, actor: str | None) -> dict[str, Any]:
    shown: dict[str, Any] = {"id": id_ or None, "memory": text, "event": event}
    return shown if role is None else {**shown, "actor_id": actor, "role": role}
