"""What a function of somebody's own is given, and what of its changes counts. Knows no function."""

import copy
from datetime import datetime
from typing import TYPE_CHECKING, Any, cast

import msgspec
from msgspec import UNSET, UnsetType

from gateway.domain.hooking import Actor, HookContext, Outcome, Result, modify

if TYPE_CHECKING:
    from collections.abc import Sequence


class Found(msgspec.Struct, kw_only=True):
    """One thing that a read found."""

    id: str
    content: Any
    metadata: dict[str, Any]
    role: str
    score: float | None
    created_at: datetime


class PluginContext(msgspec.Struct, kw_only=True):
    """A function's own copy of the context. Of what it changes, these count: `content` or `memory_content`, `metadata`,
    `memory_query`, `memory_results` (fewer, or in another order, or with other contents and metadata), `flags`."""

    event: str  # the moment: before_add
    operation: str
    at: datetime
    tenant: str
    route: str
    user: Actor | None
    agent: str
    session: str
    ip: str
    request_id: str
    principal: str
    roles: tuple[str, ...]
    source_kind: str
    content: Any
    memory_content: str | None
    memory_query: str | None
    memory_results: list[Found]
    metadata: dict[str, Any]
    flags: list[str]
    target: str
    count: int | None
    code: str


def own_copy(context: HookContext) -> PluginContext:
    principal = context.principal
    return PluginContext(
        event=context.moment.value,
        operation=context.operation,
        at=context.at,
        tenant=context.tenant,
        route=context.route,
        user=context.user,
        agent=context.agent,
        session=context.session,
        ip=context.ip,
        request_id=context.request_id,
        principal=principal.id if principal is not None else "",
        roles=tuple(sorted(each.value for each in principal.roles)) if principal is not None else (),
        source_kind=context.source_kind,
        content=copy.deepcopy(context.content),
        memory_content=context.memory_content,
        memory_query=context.memory_query,
        memory_results=[_found(each) for each in context.memory_results or ()],
        metadata=copy.deepcopy(context.metadata),
        flags=list(context.flags),
        target=context.target,
        count=context.count,
        code=context.code,
    )


def _found(result: Result) -> Found:
    return Found(
        id=result.id,
        content=copy.deepcopy(result.content),
        metadata=copy.deepcopy(result.metadata),
        role=result.role,
        score=result.score,
        created_at=result.created_at,
    )


def changes(context: HookContext, own: PluginContext) -> Outcome:
    content: Any = UNSET
    if own.content != context.content:
        content = own.content
    elif own.memory_content != context.memory_content:
        content = own.memory_content
    query: str | UnsetType = UNSET
    if own.memory_query is not None and own.memory_query != context.memory_query:
        query = own.memory_query
    results: Sequence[Result] | UnsetType = UNSET
    if context.memory_results is not None:
        known = {each.id: each for each in context.memory_results}
        left = [
            msgspec.structs.replace(known[each.id], content=each.content, metadata=each.metadata)
            for each in own.memory_results
            if each.id in known
        ]
        results = UNSET if tuple(left) == context.memory_results else left
    return modify(
        content=content,
        metadata=UNSET if own.metadata == context.metadata else own.metadata,
        query=query,
        results=results,
        flags=[each for each in cast("list[Any]", own.flags) if each not in context.flags],
    )
