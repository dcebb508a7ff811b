"""What goes by itself, told to the hooks of its route as a request would be: of each owner an intent, then an outcome.

Nobody has asked for it, so the actor is `retention`. Hooks see counts and no contents. What a hook skips or refuses stays
where it is; where it cannot be asked, or an audit cannot be written, nothing more is done. Returns at once, having made
nothing, where the route has no hook for the moment.
"""

from typing import Final

from gateway.domain.errors import DeadlineExceeded, GatewayError, Unavailable
from gateway.domain.hooking import Event
from gateway.domain.principal import Principal
from gateway.domain.scope import Reach, Scope
from gateway.runtime.bound import BoundRoute
from gateway.runtime.identity import Parts
from gateway.services.call import Call
from gateway.services.hooking import AFTER, BEFORE, after_deed, before_deed

ACTOR: Final = "retention"


async def may(route: BoundRoute, owner: Scope, operation: str, event: Event, count: int) -> bool:
    """Whether to go on. Raises Unavailable and DeadlineExceeded."""
    if not route.hooks.get(BEFORE[event]):
        return True
    try:
        return await before_deed(_call(route, owner, operation), event, count=count)
    except (Unavailable, DeadlineExceeded):
        raise
    except GatewayError:
        return False


async def done(route: BoundRoute, owner: Scope, operation: str, event: Event, count: int) -> None:
    """Raises nothing: it is done."""
    if not route.hooks.get(AFTER[event]):
        return
    try:
        await after_deed(_call(route, owner, operation), event, count=count)
    except GatewayError:
        route.fault("hook_refused_late")


def _call(route: BoundRoute, owner: Scope, operation: str) -> Call:
    return Call(
        principal=Principal(id=ACTOR, tenant=route.tenant, roles=frozenset()),
        route=route,
        scope=owner,
        reach=Reach.only(owner),
        parts=Parts(user=owner.user, agent=owner.agent, run=owner.run),
        pinned=False,
        operation=operation,
    )
