"""Which documents: a reach, kinds, the time and a filter as one query; and what is read of each."""

from typing import Any, Final

from gateway.domain.ports import Order, Position, Where
from gateway.domain.scope import Reach
from gateway.providers.mongodb.layout import micros
from gateway.providers.mongodb.pushdown import Clause

_PARTS: Final = (("space", "space"), ("user", "user_id"), ("agent", "agent_id"), ("run", "run_id"))
_FOR_OTHERS: Final = ("terms", "times", "words", "created_at", "updated_at", "expires_at")  # the server's and people's


def within(reach: Reach) -> dict[str, Any]:
    """The condition that is the reach: of one scope its fingerprint, of many each part that is named."""
    exact = reach.exact()
    if exact is not None:
        return {"tenant": reach.tenant, "scope": exact.key().hex()}
    named = {field: getattr(reach, part) for part, field in _PARTS if getattr(reach, part) is not None}
    return {"tenant": reach.tenant, **named}


def meant(reach: Reach, where: Where, now: int) -> dict[str, Any]:
    """Those of the kinds that live, whatever the filter says."""
    return {**within(reach), "kind": {"$in": sorted(where.kinds)}, "expires": {"$gt": now}}


def also(query: dict[str, Any], *more: dict[str, Any]) -> dict[str, Any]:
    """The query with further conditions, of which any may be empty."""
    conditions = [each for each in more if each]
    return {**query, "$and": conditions} if conditions else query


def listed(query: dict[str, Any], clause: Clause, order: Order, after: Position | None) -> dict[str, Any]:
    if after is None:
        return also(query, clause.query)
    at, way = micros(after.created_at), "$lt" if order is Order.NEWEST else "$gt"
    # The first condition alone bounds the index; the second is about records of the same moment.
    position = {"created": {f"{way}e": at}, "$or": [{"created": {way: at}}, {"id": {way: after.id}}]}
    return also(query, position, clause.query)


def sorting(order: Order) -> list[tuple[str, int]]:
    way = -1 if order is Order.NEWEST else 1
    return [("created", way), ("id", way)]


def shown(*, vectors: bool, bodies: bool) -> dict[str, int]:
    """What is left out of each document."""
    without = (*_FOR_OTHERS, *(() if vectors else ("vector",)), *(() if bodies else ("body",)))
    return dict.fromkeys(without, 0)
