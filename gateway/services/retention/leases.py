"""One at a time, among all workers that share a backend: a lease is a record that ends by itself.

Nothing depends on it but cost: whatever is done under a lease could be done twice without harm. So a backend that
cannot keep it is worked on without.
"""

from datetime import timedelta

from gateway.domain.errors import DeadlineExceeded, GatewayError, Unavailable
from gateway.domain.ids import slot_id
from gateway.domain.record import Kind, Record
from gateway.domain.scope import Reach, Scope
from gateway.runtime.bound import BoundRoute


async def taken(route: BoundRoute, scope: Scope, what: str, seconds: float, kind: Kind) -> bool:
    """Whether it is ours for so many seconds. Raises where the backend is away."""
    now = route.mint.now()
    lease = Record(
        id=_id(scope, what),
        kind=kind,
        scope=scope,
        text="",
        metadata={"lease": what},
        created_at=now,
        updated_at=now,
        expires_at=now + timedelta(seconds=seconds),
    )
    try:
        return (await route.provider.put([lease]))[0]
    except (Unavailable, DeadlineExceeded):
        raise
    except GatewayError:
        return True


async def given_back(route: BoundRoute, scope: Scope, what: str) -> None:
    """Raises nothing: it ends by itself."""
    try:
        await route.provider.delete(Reach.only(scope), [_id(scope, what)])
    except GatewayError:
        route.fault("lease_not_given_back")


def _id(scope: Scope, what: str) -> str:
    return slot_id(scope, f"lease {what}")
