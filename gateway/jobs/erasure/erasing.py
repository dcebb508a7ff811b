"""Erasures, from what was asked to the receipt: kept first, then made, and made again until every target has confirmed.

First the fence is closed, and nothing of this person can be written; what can be reached is erased and looked through;
then the fence opens, and what is written from then on is a new life. What was away is erased when it is back, up to what
the fence covers. At the end all of it is looked through once more, when no change can be under way any longer.
Whoever dies in between leaves rows that another process goes on from.
"""

import asyncio
import logging
import socket
import uuid
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Final, TypeVar

from gateway.chain.vanishing import Until, vanish
from gateway.config.compiled import Config
from gateway.domain.erasure import Asked, Standing
from gateway.domain.ids import Clock, Randomness
from gateway.jobs.erasure.course import Course, Places, Rules
from gateway.jobs.erasure.reaching import is_noted, is_private, rings_of
from gateway.jobs.erasure.register import Register, unkept
from gateway.receipts.signing import Signer
from gateway.runtime.background import Listed, Sum
from gateway.runtime.fences import Raised

if TYPE_CHECKING:
    from gateway.jobs.erasure.store import ErasureStore

Result = TypeVar("Result")

LOOK_SECONDS: Final = 0.5  # between two looks at what other workers have done
_HOLD_SECONDS: Final = 15.0  # an erasure is this process's for so long, and again
_SWEEP_SECONDS: Final = 3_600.0

_log = logging.getLogger("gateway.erasures")


class Erasing:
    """An Erasures. `now` gives times that are later than those of all records made before."""

    def __init__(self, clock: Clock, now: Clock, randomness: Randomness, places: Places, rules: Rules) -> None:
        self._clock = clock
        self._now = now
        self._places = places
        self._register = Register(clock, randomness)
        self._course = Course(clock, now, places, self._register, rules, self._hear)
        self._place = ""
        self._me = ""
        self._hearing = asyncio.Lock()  # what was read earlier is told earlier
        self._own: dict[str, tuple[Raised, str]] = {}  # what others are at, and has copies here; with who is at it
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._chore: asyncio.Task[None] | None = None
        self._stir = asyncio.Event()
        self._changes = -1
        self._swept = 0.0

    async def prepare(self, config: Config) -> None:
        """Before this configuration serves: fences that stand are known from the first request on."""
        self._register.config = config
        self._place = f"{socket.gethostname()}:{config.home}:"  # workers of one place have the same files
        self._me = self._me or f"{self._place}{uuid.uuid4().hex}"
        store = await self._found()
        if self._chore is None and (store is not None or not self._course.alone):
            self._chore = asyncio.create_task(self._look_after(), name="erasures")

    async def stop(self) -> None:
        """What is under way is gone on with by whoever comes next."""
        chore, self._chore = self._chore, None
        tasks = [*self._tasks.values(), *([chore] if chore is not None else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        store, self._register.store = self._register.store, None
        if store is not None:
            if self._course.begun or tasks:
                await asyncio.to_thread(store.release, self._me)
            await asyncio.to_thread(store.close)

    async def erase(self, asked: Asked, wait: float) -> Standing:
        store = await self._register.needed()
        snapshot = self._places.serving()
        began = self._now()
        standing = Standing(
            id=uuid.uuid4().hex,
            kinds=tuple(sorted(asked.kinds)),
            refuse_new=asked.refuse_new,
            began_at=began,
            config=snapshot.config.digest,
        )
        noted, held = is_noted(snapshot, asked.tenant), store.now() + _HOLD_SECONDS
        id_ = await self._kept(
            lambda: store.begin(standing.id, asked, standing, noted=noted, holder=self._me, held=held)
        )
        await self._hear(store, mine=standing.id)  # what it has joined is another one's
        if id_ == standing.id:
            self._spawn(id_)
        if self._chore is None:
            self._chore = asyncio.create_task(self._look_after(), name="erasures")
        task = self._tasks.get(id_)
        if task is not None:
            await asyncio.wait({task}, timeout=wait)
        found = await self._kept(lambda: store.standing(asked.tenant, asked.user, id_))
        return found if found is not None else standing

    async def standing(self, tenant: str, user: str, id_: str) -> Standing | None:
        store = await self._found()
        return None if store is None else await self._kept(lambda: store.standing(tenant, user, id_))

    async def unconfirmed(self) -> int:
        store = await self._found()
        return 0 if store is None else await self._kept(store.unconfirmed)

    async def listed(self, *, dead: bool) -> list[Listed]:
        """None is ever given up."""
        store = await self._found()
        if store is None:
            return []
        from gateway.jobs.erasure.unerased import Unerased

        return await self._kept(lambda: Unerased(store).listed(dead=dead))

    async def sums(self) -> Mapping[str, Sum]:
        """They are counted apart."""
        return {}

    async def signer(self) -> Signer:
        return await self._register.signer()

    async def _found(self) -> "ErasureStore | None":
        """The store, where somebody has made one; what fences it holds is known from then on."""
        if self._register.store is not None:
            return self._register.store
        store = await self._register.found()
        if store is not None and self._changes < 0:
            await self._hear(store)
        return store

    async def _kept(self, call: Callable[[], Result]) -> Result:
        try:
            return await asyncio.to_thread(call)
        except Exception as error:
            raise unkept(error) from error

    async def _hear(self, store: "ErasureStore", mine: str = "") -> None:
        """Tells those who write here what fences there are."""

        async def spent(tenant: str, ids: Sequence[str]) -> frozenset[str]:
            return await self._kept(lambda: store.spent(tenant, ids))

        async with self._hearing:
            changes = await asyncio.to_thread(store.changes)
            if changes != self._changes:
                raised = await asyncio.to_thread(store.fences)
                news = self._places.fences.hear(raised, store.secret, spent)
                self._changes = changes
                others = [] if self._course.alone else [each for each in news if each.id not in {mine, *self._tasks}]
                if others:
                    holders = await asyncio.to_thread(store.holders)
                    self._own |= {each.id: (each, holders[each.id]) for each in others if each.id in holders}

    async def _erase_own(self, store: "ErasureStore") -> None:
        """Of what others erase, what is here alone goes too. What cannot be reached now is looked for again."""
        for id_, owed in list(self._own.items()):
            try:
                await self._own_copies(store, *owed)
            except Exception as error:  # noqa: BLE001 - a backend may raise anything, and holds up no other erasure
                told = {"erasure": id_, "reason": type(error).__name__}
                _log.warning("copies that are here alone are not erased yet", extra=told)
            else:
                if self._own.get(id_) is owed:
                    del self._own[id_]

    async def _own_copies(self, store: "ErasureStore", fence: Raised, holder: str) -> None:
        """What this process has for itself; where whoever is at it is elsewhere, what is on this machine as well."""
        taken = await asyncio.to_thread(store.taken, fence.id)
        if taken is None:
            return
        elsewhere = self._register.shared and not holder.startswith(self._place)
        until = None if fence.closed else Until(taken.at, self._clock())
        with self._places.serving() as snapshot:
            for target in self._course.reaching.targets(snapshot, taken.tenant).values():
                can = target.plugin.capabilities(target.options)
                if is_private(can) or (elsewhere and not can.remote):
                    async with self._course.reaching.reached(snapshot, target) as reached:
                        await vanish(reached.provider, reached.can, taken.whom(), until, verify=True)
            if elsewhere:
                await self._course.untold(snapshot, taken, None if fence.closed else taken.at)
            for ring in rings_of(snapshot, taken.tenant).values():
                await ring.changed(taken.tenant)  # no new life is sealed with a key that is about to be destroyed
        self._course.forget(taken)

    async def _look_after(self) -> None:
        while True:
            pause = LOOK_SECONDS
            try:
                store = await self._found()
                if store is not None:
                    await self._tend(store)
                    if self._course.alone:
                        due = await asyncio.to_thread(store.next_due)
                        pause = min(30.0, max(0.1, due - store.now())) if due is not None else 30.0
                        pause = min(pause, _HOLD_SECONDS / 3) if self._tasks else pause
            except Exception as error:  # noqa: BLE001 - a store that is away now is looked at again
                _log.warning("erasures cannot be looked after now", extra={"reason": type(error).__name__})
            self._stir.clear()
            try:
                async with asyncio.timeout(pause):
                    await self._stir.wait()
            except TimeoutError:
                pass  # nothing has happened here meanwhile; elsewhere it may have

    async def _tend(self, store: "ErasureStore") -> None:
        if not self._course.alone:
            await self._hear(store)
            await self._erase_own(store)
        held = store.now() + _HOLD_SECONDS
        if self._tasks:
            await asyncio.to_thread(store.hold, list(self._tasks), self._me, held)
        for taken in await asyncio.to_thread(store.take, self._me, held):
            self._spawn(taken.id)
        if store.now() > self._swept + _SWEEP_SECONDS and (config := self._register.config) is not None:
            self._swept = store.now()
            before = self._clock() - timedelta(seconds=config.jobs.horizon.seconds)
            await asyncio.to_thread(store.sweep, before)

    def _spawn(self, id_: str) -> None:
        if id_ in self._tasks:
            return
        task = self._tasks[id_] = asyncio.create_task(self._run(id_), name=f"erase {id_}")
        task.add_done_callback(lambda _: self._ended(id_))

    async def _run(self, id_: str) -> None:
        store = self._register.store
        if store is not None:
            await self._course.step(store, id_)

    def _ended(self, id_: str) -> None:
        self._tasks.pop(id_, None)
        self._stir.set()
