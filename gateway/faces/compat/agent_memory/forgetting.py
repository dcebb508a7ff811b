"""Forgetting by a policy: what is too old, what nobody has changed for long, and what is beyond a budget.

Memories have no times of reading here: the last change stands for it. What is pinned stays.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta

from gateway.faces.compat.agent_memory import filters
from gateway.faces.compat.agent_memory.finding import Wanted, listed
from gateway.faces.compat.agent_memory.records import shown
from gateway.faces.compat.agent_memory.serving import reply
from gateway.faces.compat.agent_memory.whose import facts_of, of
from gateway.faces.compat.asking import body_of, query_of, request_of
from gateway.faces.http.exchange import Exchange, Reply
from gateway.services.memories.across import DELETE_ACROSS
from gateway.services.memories.removing import Removal

_MOST: Final = 10_000
_PART: Final = 400  # ids in one deletion

Days = Annotated[float, Meta(ge=0)]


class Policy(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where both ages are given, both must be passed. A policy that says nothing forgets nothing."""

    max_age_days: Days | None = None
    max_inactive_days: Days | None = None
    budget: Annotated[int, Meta(ge=0)] | None = None
    memory_type_allowlist: list[str] | None = None  # only these are looked at


class Body(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    policy: Policy
    pinned_ids: list[str] = []


class About(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    namespace: str | None = None
    user_id: str | None = None
    session_id: str | None = None
    limit: Annotated[int, Meta(ge=1, le=_MOST)] = 1000
    dry_run: bool = False


async def forgotten(exchange: Exchange) -> Reply:
    """Looks at the oldest so many."""
    body, about = body_of(exchange.body, Body), query_of(exchange.query, About)
    if not about.dry_run:
        exchange.principal.require(DELETE_ACROSS.role)  # also where nothing will have to go
    wanted = Wanted(whose=of(about.user_id, about.namespace, about.session_id))
    facts = facts_of(exchange, DELETE_ACROSS, wanted.whose)
    route, _ = exchange.snapshot.route(exchange.principal, facts)
    # In the records' own shape, beside our ids.
    known = [(each.id, shown(each)) async for each in listed(exchange, wanted, about.limit, "oldest")]
    chosen = select(body.policy, body.pinned_ids, known, route.mint.now())
    if not about.dry_run:
        for start in range(0, len(chosen), _PART):
            ids = [id_ for id_, _ in chosen[start : start + _PART]]
            request = request_of(Removal, {"filters": filters.together([{"id": {"in": ids}}])})
            await exchange.perform(DELETE_ACROSS, facts, request)
    return reply(
        {"scanned": len(known), "deleted": len(chosen), "deleted_ids": [each["id"] for _, each in chosen],
         "dry_run": about.dry_run}
    )  # fmt: skip


def select(
    policy: Policy, pinned: Sequence[str], known: Sequence[tuple[str, dict[str, Any]]], now: datetime
) -> list[tuple[str, dict[str, Any]]]:
    allowed = policy.memory_type_allowlist
    may_go = [
        each
        for each in known
        if not each[1]["pinned"]
        and each[1]["id"] not in pinned
        and (allowed is None or each[1]["memory_type"] in allowed)
    ]
    limits = [("created_at", policy.max_age_days), ("updated_at", policy.max_inactive_days)]
    ages = [(name, now - timedelta(days=days)) for name, days in limits if days is not None]
    chosen = [each for each in may_go if ages and all(each[1][name] < since for name, since in ages)]
    if policy.budget is not None:
        left = [each for each in may_go if each not in chosen]
        left.sort(key=lambda each: each[1]["updated_at"])
        chosen += left[: max(0, len(left) - policy.budget)]
    return chosen
