"""Sweeps every route that has something to sweep for, each as often as its configuration says, on one worker at a time.

What is due is settled by a lease that lies with the route's own records, so the workers of a fleet need know nothing of
each other. A sweep that fails is told and made again when it is due next.
"""

import asyncio
import logging
import random
from collections.abc import Callable, Iterator
from typing import Final

from gateway.domain.errors import GatewayError, Unavailable
from gateway.domain.ids import Clock
from gateway.domain.record import Family, Kind
from gateway.domain.scope import Scope
from gateway.runtime.bound import BoundRoute
from gateway.runtime.snapshot import Snapshot
from gateway.services.retention.leases import taken
from gateway.services.retention.sweeping import Swept, sweep

_LOOK_SECONDS: Final = 1.0
_FIRST_SECONDS: Final = 60.0  # at most, until the first sweep of a worker
_SHARE: Final = 0.9  # of the time between two sweeps, for which one keeps others from sweeping
_LEASE: Final = "sweep"

_log = logging.getLogger("gateway.retention")


class Sweeps:
    """`serving` gives the Snapshot that serves now, and raises Unavailable while there is none."""

    def __init__(
        self, serving: Callable[[], Snapshot], clock: Clock, luck: Callable[[], float] = random.random
    ) -> None:
        self._serving = serving
        self._clock = clock
        self._luck = luck
        self._due: dict[tuple[str, str], float] = {}
        self._known: Snapshot | None = None

    async def run(self) -> None:
        """Until it is cancelled: what is under way then is made again by whoever comes next."""
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            try:
                snapshot = self._serving()
            except Unavailable:
                continue
            with snapshot:
                self._plan(snapshot)
                for route in list(self._ripe(snapshot)):
                    await self._swept(route)

    def _plan(self, snapshot: Snapshot) -> None:
        """New routes get a place in time; those that are gone lose it."""
        if snapshot is self._known:
            return
        now = asyncio.get_running_loop().time()
        self._due = {
            (route.tenant, route.name): self._due.get((route.tenant, route.name))
            or now + self._luck() * min(_FIRST_SECONDS, route.config.layer.retention.every.seconds)
            for bound in snapshot.tenants.values()
            for route in bound.routes.values()
            if sweeps(route)
        }
        self._known = snapshot

    def _ripe(self, snapshot: Snapshot) -> Iterator[BoundRoute]:
        now = asyncio.get_running_loop().time()
        for (tenant, name), due in self._due.items():
            if due <= now:
                route = snapshot.tenants[tenant].routes[name]
                self._due[tenant, name] = now + route.config.layer.retention.every.seconds
                yield route

    async def _swept(self, route: BoundRoute) -> None:
        about = {"tenant": route.tenant, "route": route.name}
        seconds = _SHARE * route.config.layer.retention.every.seconds
        kind = Kind.SUMMARY if Family.MESSAGE in route.config.families else Kind.HISTORY
        try:
            if not await taken(
                route, Scope(route.tenant, route.config.layer.space), f"{_LEASE} {route.name}", seconds, kind
            ):
                return
            swept = await sweep(route, self._clock())
        except Exception as error:  # noqa: BLE001 - whatever a backend raises, the other routes are swept
            code = error.code if isinstance(error, GatewayError) else type(error).__name__
            route.fault("not_swept")
            _log.warning("a sweep did not come to its end", extra={**about, "reason": code})
            return
        if swept.going:
            _log.info("swept", extra={**about, **counts(swept)})


def sweeps(route: BoundRoute) -> bool:
    """Whether the route has anything to sweep for."""
    layer, families = route.config.layer, route.config.families
    kept = layer.retention.active and not families.isdisjoint({Family.MEMORY, Family.MESSAGE})
    return kept or (layer.session.limited and Family.MESSAGE in families)


def counts(swept: Swept) -> dict[str, int]:
    return {
        "memories": swept.memories,
        "sessions": swept.sessions,
        "messages": swept.messages,
        "archived": swept.gone.archived,
        "deleted": swept.gone.deleted,
        "kept": swept.gone.kept,
    }
