"""Sees to sessions that may hold too much, in the background, after the request that said so has been answered.

Keeps nothing that outlives the process: a session that is too large stays so, and the next append to it or the next
sweep says so again. Failures are tried again, later and later; then the messages simply stay.
"""

import asyncio
import logging
import random
from collections.abc import Callable
from typing import Final, TypeAlias

from gateway.domain.errors import Conflict, GatewayError
from gateway.domain.scope import Scope
from gateway.runtime.snapshot import Snapshot
from gateway.services.retention.relieving import relieve

_ATTEMPTS: Final = 6
_FIRST: Final = 0.5  # seconds until the second attempt
_LONGEST: Final = 30.0
_SIDE_BY_SIDE: Final = 4
_MOST: Final = 10_000  # sessions waiting; what is beyond is found by a sweep
_SECONDS: Final = 300.0  # one attempt may take

_Place: TypeAlias = tuple[str, str, Scope]
_log = logging.getLogger("gateway.retention")


class Tidying:
    """`serving` gives the Snapshot that serves now, and raises Unavailable while there is none."""

    def __init__(self, serving: Callable[[], Snapshot], luck: Callable[[], float] = random.random) -> None:
        self._serving = serving
        self._luck = luck
        self._tasks: dict[_Place, asyncio.Task[None]] = {}
        self._again: set[_Place] = set()
        self._turns = asyncio.Semaphore(_SIDE_BY_SIDE)
        self._ended = False

    def look(self, tenant: str, route: str, session: Scope) -> None:
        """Soon. Returns at once; one that is being looked at is looked at once more."""
        place = (tenant, route, session)
        if self._ended or len(self._tasks) >= _MOST:
            return
        if place in self._tasks:
            self._again.add(place)
            return
        task = asyncio.create_task(self._attend(place), name="tidy")
        self._tasks[place] = task

    async def run(self) -> None:
        """For as long as it is not cancelled; ends what is under way when it is."""
        try:
            await asyncio.Event().wait()
        finally:
            self._ended = True
            tasks = list(self._tasks.values())
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _attend(self, place: _Place) -> None:
        try:
            while True:
                self._again.discard(place)
                await self._patiently(place)
                if place not in self._again:
                    return
        finally:
            self._again.discard(place)
            del self._tasks[place]

    async def _patiently(self, place: _Place) -> None:
        tenant, name, session = place
        reason = ""
        for attempt in range(_ATTEMPTS):
            try:
                async with self._turns, asyncio.timeout(_SECONDS):
                    await self._once(tenant, name, session)
                return
            except (GatewayError, TimeoutError) as error:
                reason = error.code if isinstance(error, GatewayError) else "deadline"
            except Exception as error:  # noqa: BLE001 - other people's code may raise anything, and the session stays as it is
                reason = type(error).__name__
            if attempt < _ATTEMPTS - 1:
                await asyncio.sleep(min(_LONGEST, _FIRST * 2**attempt) * (0.5 + self._luck() / 2))
        _log.warning(
            "a session stays larger than its limits for now", extra={"tenant": tenant, "route": name, "reason": reason}
        )

    async def _once(self, tenant: str, name: str, session: Scope) -> None:
        with self._serving() as snapshot:
            bound = snapshot.tenants.get(tenant)
            route = bound.routes.get(name) if bound is not None else None
            if route is None:
                return  # the configuration has changed: nothing is asked for any more
            try:
                await relieve(route, session)
            except Conflict:
                raise
            except Exception:
                route.fault("not_relieved")
                raise
