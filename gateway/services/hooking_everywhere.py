"""Hooks about what is done to all routes of a tenant together, such as erasing a person: each is asked once."""

from typing import TYPE_CHECKING, Any

from gateway.domain.errors import Forbidden, GatewayError
from gateway.domain.hooking import Actor, Event, HookContext, Moment
from gateway.runtime.facts import Facts
from gateway.services.hooking import AFTER, BEFORE, goes_on

if TYPE_CHECKING:
    from gateway.services.call import Everywhere, Operation


async def before_everywhere(whole: "Everywhere", operation: "Operation[Any, Any]", facts: Facts) -> None:
    """Asks every hook of the tenant, once, about what is done to all of its routes together. Hooks see no contents of
    it and can change nothing; what skips or rejects refuses it."""
    await _ask_everywhere(whole, operation, facts, BEFORE[Event(operation.op)])


async def after_everywhere(
    whole: "Everywhere", operation: "Operation[Any, Any]", facts: Facts, error: BaseException | None = None
) -> None:
    moment = AFTER[Event(operation.op)] if error is None else Moment.ERROR
    code = "" if error is None else error.code if isinstance(error, GatewayError) else "internal"
    await _ask_everywhere(whole, operation, facts, moment, code)


async def _ask_everywhere(
    whole: "Everywhere", operation: "Operation[Any, Any]", facts: Facts, moment: Moment, code: str = ""
) -> None:
    routes = whole.tenant.routes.values()
    hooks = {each.key: each for route in routes for each in route.hooks.get(moment, ())}
    for each in hooks.values():
        context = HookContext(
            moment=moment,
            operation=operation.name,
            at=next(iter(routes)).mint.now(),
            tenant=whole.principal.tenant,
            principal=whole.principal,
            user=Actor(facts.user),
            agent=facts.agent,
            session=facts.run,
            ip=facts.source,
            request_id=facts.request_id,
            code=code,
        )
        outcome = await each.ask(context)
        if moment is not Moment.ERROR and not goes_on(outcome):
            raise Forbidden("a hook refuses this", code="hook_rejected")
