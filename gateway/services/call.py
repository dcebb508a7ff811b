"""A request that has been let in: who calls, on which route, within which scope. Every service takes one.

`admit` is the only way to get a Call, so the role, the route and the scope are decided in one place for all faces.
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any, Final, Generic, Literal, NamedTuple, TypeAlias, TypeVar

import msgspec

from gateway.domain.erasure import BEGAN
from gateway.domain.errors import DeadlineExceeded, Malformed, Unavailable
from gateway.domain.portable import check_text
from gateway.domain.principal import Principal, Role
from gateway.domain.record import Family, Provenance
from gateway.domain.scope import Part, Reach, Scope, ScopeRule
from gateway.runtime.bound import BoundRoute
from gateway.runtime.facts import Facts
from gateway.runtime.identity import Claimed, Parts, claim, claim_across
from gateway.runtime.snapshot import Snapshot
from gateway.runtime.tenancy import BoundTenant
from gateway.services.hooking import on_error
from gateway.services.hooking_everywhere import after_everywhere, before_everywhere

Request = TypeVar("Request")
Reply = TypeVar("Reply")
Across: TypeAlias = Literal["none", "optional", "all"]

MAX_KEY: Final = 255
EVERYWHERE_SECONDS: Final = 60.0  # what belongs to no route has no deadline of one
RUN: Final[frozenset[Part]] = frozenset({"run"})


class Call(msgspec.Struct, frozen=True, kw_only=True):
    principal: Principal
    route: BoundRoute
    scope: Scope  # where it writes
    reach: Reach  # what it may read, change and delete
    parts: Parts
    pinned: bool
    idempotency_key: str = ""
    operation: str = ""  # its name, as in metrics
    source: str = ""  # the caller's address
    request_id: str = ""
    ttl_seconds: float | None = None  # of whatever it writes, where the request says so once for all

    def provenance(self, fingerprint: str = "") -> Provenance:
        """Who wrote, with the parts that do not own the record."""
        scope, parts = self.scope, self.parts
        return Provenance(
            principal=self.principal.id,
            route=self.route.name,
            user="" if scope.user else parts.user,
            agent="" if scope.agent else parts.agent,
            run="" if scope.run else parts.run,
            fingerprint=fingerprint,
        )

    def expires(self, now: datetime, ttl_seconds: float | None) -> datetime | None:
        """When a new record ends: the request's wishes, but never later than the route's ttl."""
        own = self.route.config.layer.ttl
        wished = (ttl_seconds, self.ttl_seconds, own.seconds if own else None)
        limits = [each for each in wished if each is not None]
        try:
            return now + timedelta(seconds=min(limits)) if limits else None
        except OverflowError:
            return None  # later than the calendar goes


class Everywhere(msgspec.Struct, frozen=True, kw_only=True):
    """A request about all that a tenant has, wherever its routes keep it: no route decides anything about it."""

    principal: Principal
    tenant: BoundTenant
    operation: str = ""
    source: str = ""  # the caller's address
    request_id: str = ""

    def on(self, route: BoundRoute, user: str) -> Call:
        """What it means for one route: for its hooks, which are told of everything that touches its records."""
        scope = Scope(self.principal.tenant, route.config.layer.space, user)
        return Call(
            principal=self.principal,
            route=route,
            scope=scope,
            reach=Reach(scope.tenant, scope.space, user, None, None),
            parts=Parts(user=user),
            pinned=True,
            operation=self.operation,
            source=self.source,
            request_id=self.request_id,
        )


class Operation(msgspec.Struct, Generic[Request, Reply], frozen=True, kw_only=True):
    """One thing the gateway can do. Faces give it a path, a tool name or a verb; nothing else about it is theirs."""

    name: str  # `memory.add`: stable, in metrics and logs
    op: str  # what `match: {op: ...}` calls it: add, get, list, search, update or delete
    family: Family
    role: Role
    run: Callable[[Any, Any], Awaitable[Any]]  # gets a Call, or an Everywhere
    one_run: bool = False  # about one session or run, which then owns what it writes
    across: Across = "none"  # which parts stand for any owner the caller may name, where the request names none
    everywhere: bool = False  # its family says nothing then
    also: frozenset[Role] = frozenset()  # roles that may, beside its own
    empty: Callable[[Call, Any], Any] | None = None  # the reply of a read that found nothing


class Answer(NamedTuple):
    """`degraded` is the code of what the backend failed with, where the route answers reads as if nothing was found."""

    reply: Any
    degraded: str = ""


def admit(snapshot: Snapshot, principal: Principal, operation: Operation[Any, Any], facts: Facts) -> Call:
    """Checks the role and the kind, finds the route and makes the scope; each failure is its own error."""
    principal.require(operation.role)
    principal.touch(operation.family)
    if facts.idempotency_key:
        check_text(facts.idempotency_key, "Idempotency-Key")
        if len(facts.idempotency_key) > MAX_KEY:
            raise Malformed(f"Idempotency-Key is longer than {MAX_KEY} characters", code="bad_idempotency_key")
    route, parts = snapshot.route(principal, facts)
    claimed = _claimed(route, parts, principal, operation)
    return Call(
        principal=principal,
        route=route,
        scope=claimed.scope,
        reach=claimed.reach,
        parts=parts,
        pinned=claimed.pinned,
        idempotency_key=facts.idempotency_key,
        operation=operation.name,
        source=facts.source,
        request_id=facts.request_id,
    )


def _everywhere(snapshot: Snapshot, principal: Principal, operation: Operation[Any, Any], facts: Facts) -> Everywhere:
    if principal.roles.isdisjoint(operation.also):
        principal.require(operation.role)
    return Everywhere(
        principal=principal,
        tenant=snapshot.bound(principal.tenant),
        operation=operation.name,
        source=facts.source,
        request_id=facts.request_id,
    )


def _claimed(route: BoundRoute, parts: Parts, principal: Principal, operation: Operation[Any, Any]) -> Claimed:
    rule, space = _rule(route.config.scope, operation), route.config.layer.space
    if operation.across == "none":
        return claim(rule, parts, principal.tenant, space)
    chosen, required = route.identity.chosen(principal), operation.across == "optional"
    return claim_across(rule, parts, chosen, principal.tenant, space, required=required)


def _rule(rule: ScopeRule, operation: Operation[Any, Any]) -> ScopeRule:
    """Messages and checkpoints always belong to a run: the one that is named, or any within the rest of the scope."""
    if operation.family is Family.MEMORY:
        return rule
    rest = ScopeRule(
        require=rule.require - RUN, allow=rule.allow - RUN, any_of=rule.any_of - RUN, context=rule.context - RUN
    )
    if operation.one_run:
        return msgspec.structs.replace(rest, require=rest.require | RUN)
    return msgspec.structs.replace(rest, allow=rest.allow | RUN)


async def perform(
    snapshot: Snapshot, principal: Principal, operation: Operation[Any, Any], facts: Facts, request: Any
) -> Answer:
    """Admit, run, measure: the one path from any face into any service, in the time that the route gives it."""
    if operation.everywhere:
        whole = _everywhere(snapshot, principal, operation, facts)
        await before_everywhere(whole, operation, facts)
        try:
            reply = await _in_time(operation.run(whole, request), EVERYWHERE_SECONDS)
        except Exception as error:
            await after_everywhere(whole, operation, facts, error)
            raise
        await after_everywhere(whole, operation, facts)
        return Answer(reply)
    call = admit(snapshot, principal, operation, facts)
    BEGAN.set(call.route.era())
    layer = call.route.config.layer
    try:
        with call.route.metered(operation.name):
            return Answer(await _in_time(operation.run(call, request), layer.limits.deadline.seconds))
    except Exception as error:
        if call.route.hooks:
            await on_error(call, error)
        away = isinstance(error, Unavailable | DeadlineExceeded)
        if not away or operation.empty is None or layer.on_error != "empty":
            raise
        call.route.fault("answered_empty")
        return Answer(operation.empty(call, request), error.code)


async def _in_time(running: Awaitable[Reply], seconds: float) -> Reply:
    try:
        async with asyncio.timeout(seconds):
            return await running
    except TimeoutError:
        raise DeadlineExceeded(f"the request was not done within {seconds:g} s", code="deadline") from None
