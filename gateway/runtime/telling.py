"""Tells the hooks that want to know of each attempt to reload, once each, whatever routes they stand at."""

from datetime import datetime

from gateway.domain.hooking import HookContext, Moment
from gateway.runtime.reports import Outcome
from gateway.runtime.snapshot import Snapshot


async def tell_reload(snapshot: Snapshot, outcome: Outcome, at: datetime) -> None:
    """Raises nothing: what a hook makes of it is counted, and changes nothing."""
    wanting = {
        each.key: each
        for tenant in snapshot.tenants.values()
        for route in tenant.routes.values()
        for each in route.hooks.get(Moment.RELOAD, ())
    }
    if not wanting:
        return
    context = HookContext(
        moment=Moment.RELOAD,
        operation=f"reload.{outcome.result}",
        at=at,
        metadata={
            "result": outcome.result,
            "stage": str(outcome.stage),
            "cause": outcome.cause,
            "digest": outcome.digest,
            "generation": outcome.generation,
        },
        code="" if outcome.result != "rejected" else "rejected",
    )
    for each in wanting.values():
        await each.ask(context)
