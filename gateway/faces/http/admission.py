"""Who may come in now, who waits for a moment, and who is told at once to come later: for one worker as a whole.

Serves so many requests at a time, keeps so many waiting, and no longer than it says; what is beyond is refused before
its body is read, for less than serving it would cost. No tenant takes all places where there are others. Knows
nothing of operations, backends or bodies; health, metrics and /admin never come here.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable
from typing import Final

from gateway.config.model import Server
from gateway.domain.errors import GatewayError, TooMany, Unavailable
from gateway.runtime.meters import Meters
from gateway.runtime.snapshot import Snapshot

_SPREAD: Final = 3  # seconds over which those who were refused are asked to come back
_ROUND: Final = 0.02  # seconds that one round of the loop is to take; then others must have their turn
_MOST_AT_ONCE: Final = 64  # places given in one round


class Admission:
    """Places are given to tenants by turns, and within a tenant in the order of arrival.

    Requests that need no backend never overlap: they would queue up as tasks of the loop and in its sockets, where
    nobody counts them, and keep it from whoever comes after. So a round of the loop that has taken long enough lets the
    rest wait like all others, and those who wait are let in a few in a round: as many as a round has time for.
    """

    def __init__(self, meters: Meters, now: Callable[[], float] = time.perf_counter) -> None:
        self.running = 0
        self.waiting = 0
        self._meters = meters
        self._now = now
        self._held: dict[str, int] = {}  # places, by tenant
        self._queues: dict[str, deque[asyncio.Future[bool]]] = {}  # none is empty; whose turn it is stands first
        self._round: float | None = None  # when this round of the loop came to its first request
        self._pace = 1  # how many of those who wait come in together
        self._refused = 0

    def place(self, snapshot: Snapshot, tenant: str) -> "Place":
        """To be entered: raises 503, or 429 where the tenant's share is taken. Left, it goes to the next in turn."""
        return Place(self, snapshot.config.server, tenant, shared=len(snapshot.tenants) > 1)

    def take(self, server: Server, tenant: str, *, shared: bool) -> asyncio.Future[bool] | None:
        """None where a place was free, else the promise of one; raises where there is not even that."""
        held, most = self._held.get(tenant, 0), _most(server, shared=shared)
        in_time = self._in_time(server, most)
        if in_time and not self._queues and self.running < server.max_concurrent and held < most:
            self.running += 1
            self._held[tenant] = held + 1
            return None
        if self.waiting >= server.max_waiting:
            raise self.refusal("full")
        queue = self._queues.get(tenant)
        if queue is not None and shared and len(queue) >= max(1, server.max_waiting // 2):
            raise self.refusal("share")
        promised: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        if queue is None:
            queue = self._queues[tenant] = deque()
        queue.append(promised)
        self.waiting += 1
        return promised

    def give(self, server: Server, tenant: str, *, shared: bool) -> None:
        self.running -= 1
        left = self._held[tenant] - 1
        if left:
            self._held[tenant] = left
        else:
            del self._held[tenant]
        if self._queues and self._round is None:
            self._begin(server, _most(server, shared=shared))

    def withdraw(self, tenant: str, promised: asyncio.Future[bool]) -> None:
        """Waits no longer. Nothing happens to one that has its place already."""
        queue = self._queues.get(tenant)
        if queue is not None and promised in queue:
            queue.remove(promised)
            self.waiting -= 1
            if not queue:
                del self._queues[tenant]

    def refusal(self, reason: str) -> GatewayError:
        """Counted. Not all are asked to come back in the same second, or they would all be too many again."""
        self._meters.shed(reason)
        self._refused += 1
        headers = {"Retry-After": str(1 + self._refused % _SPREAD)}
        if reason == "share":
            return TooMany("this tenant has its share of those who wait", code="tenant_share", headers=headers)
        if reason == "late":
            return Unavailable("it was not this request's turn in time", code="gateway_late", headers=headers)
        return Unavailable("this gateway has all the requests it can serve", code="gateway_full", headers=headers)

    def _in_time(self, server: Server, most: int) -> bool:
        """Whether this round of the loop has time for one more."""
        if self._round is None:
            self._begin(server, most)
            return True
        return self._now() - self._round < _ROUND

    def _begin(self, server: Server, most: int) -> None:
        self._round = self._now()
        asyncio.get_running_loop().call_soon(self._next_round, self._round, server, most)

    def _next_round(self, began: float, server: Server, most: int) -> None:
        """Comes after all that was ready when the round began."""
        self._round = None
        if not self._queues:
            return
        took = self._now() - began
        self._pace = min(self._pace * 2, _MOST_AT_ONCE) if took < _ROUND else max(1, int(self._pace * _ROUND / took))
        if self._grant(server, most):
            self._begin(server, most)

    def _grant(self, server: Server, most: int) -> int:
        """How many were let in; where it is none, whoever leaves next begins a round."""
        granted = 0
        while granted < self._pace and self.running < server.max_concurrent:
            tenant = next((each for each in self._queues if self._held.get(each, 0) < most), None)
            if tenant is None:
                break
            queue = self._queues.pop(tenant)
            promised = queue.popleft()
            if queue:
                self._queues[tenant] = queue  # behind the others
            self.waiting -= 1
            if promised.done():
                continue  # given up or gone, and not yet come to say so
            self.running += 1
            self._held[tenant] = self._held.get(tenant, 0) + 1
            promised.set_result(True)
            granted += 1
        return granted


class Place:
    """One request's, from when it is let in until it is done."""

    __slots__ = ("_admission", "_server", "_shared", "_tenant")

    def __init__(self, admission: Admission, server: Server, tenant: str, *, shared: bool) -> None:
        self._admission = admission
        self._server = server
        self._tenant = tenant
        self._shared = shared

    async def __aenter__(self) -> None:
        promised = self._admission.take(self._server, self._tenant, shared=self._shared)
        if promised is not None:
            await self._wait(promised)

    async def __aexit__(self, *_: object) -> None:
        self._admission.give(self._server, self._tenant, shared=self._shared)

    async def _wait(self, promised: asyncio.Future[bool]) -> None:
        late = asyncio.get_running_loop().call_later(self._server.max_wait.seconds, _give_up, promised)
        try:
            granted = await promised
        except asyncio.CancelledError:
            if promised.done() and not promised.cancelled() and promised.result():
                self._admission.give(self._server, self._tenant, shared=self._shared)
            raise
        finally:
            late.cancel()
            self._admission.withdraw(self._tenant, promised)
        if not granted:
            raise self._admission.refusal("late")


def _most(server: Server, *, shared: bool) -> int:
    """Places that one tenant may hold: where there are others, a quarter is left to them."""
    return max(1, server.max_concurrent * 3 // 4) if shared else server.max_concurrent


def _give_up(promised: asyncio.Future[bool]) -> None:
    if not promised.done():
        promised.set_result(False)
