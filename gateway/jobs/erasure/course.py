"""The course of one erasure: made behind a closed fence, made again until all have confirmed, looked at a last time.

Each step ends in a row that says what comes next, and when: whichever process takes it then. Waits for nothing itself.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import msgspec

from gateway.chain.vanishing import Until
from gateway.domain.erasure import Method, Standing, Status
from gateway.domain.errors import GatewayError
from gateway.domain.ids import Clock
from gateway.domain.outbox import HELD_SECONDS
from gateway.domain.scope import Reach
from gateway.jobs.erasure.attempt import Attempts, unseen
from gateway.jobs.erasure.reaching import Reaching, rings_of
from gateway.jobs.erasure.register import Register
from gateway.jobs.erasure.taken import Stage, Taken
from gateway.receipts.receipt import receipt_of
from gateway.retrieval.pools import Pools
from gateway.runtime.fences import Known
from gateway.runtime.instances import Instances
from gateway.runtime.snapshot import Snapshot

if TYPE_CHECKING:
    from gateway.jobs.erasure.store import ErasureStore

AGREE_SECONDS: Final = 1.5  # by then every worker has looked
_LONGEST: Final = 300.0  # between two attempts

_log = logging.getLogger("gateway.erasures")

Hear = Callable[["ErasureStore"], Awaitable[None]]


class Rules(msgspec.Struct, frozen=True, kw_only=True):
    """`verified=False` believes what backends say: it exists to show what looking prevents. Seconds."""

    alone: bool = True  # no other process serves this configuration
    verified: bool = True
    held: float = HELD_SECONDS
    first_wait: float = 1.0


class Places(msgspec.Struct, frozen=True, kw_only=True):
    """What it works on, of the running gateway."""

    instances: Instances
    serving: Callable[[], Snapshot]
    fences: Known
    pools: Pools


class Course:
    """`hear` is called when a fence has opened."""

    def __init__(self, clock: Clock, now: Clock, places: Places, register: Register, rules: Rules, hear: Hear) -> None:
        self._clock = clock
        self._now = now
        self._places = places
        self._register = register
        self._hear = hear
        self.rules = rules
        self.reaching = Reaching(places.instances, clock)
        self._attempts = Attempts(clock, now, self.reaching)

    @property
    def alone(self) -> bool:
        return self.rules.alone and not self._register.shared

    @property
    def begun(self) -> bool:
        """Whether an erasure has been attempted here that has not ended yet."""
        return self._attempts.counting

    async def step(self, store: "ErasureStore", id_: str) -> None:
        """The next one, if there is one. Whatever fails is due again."""
        taken = await asyncio.to_thread(store.taken, id_)
        if taken is None:
            return
        try:
            if taken.stage is Stage.CLOSED:
                await self._close(store, taken)
            else:
                await self._again(store, taken)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is tried again, and the receipt says pending
            _log.warning("an erasure is not done yet", extra={"erasure": id_, "reason": type(error).__name__})
            await asyncio.to_thread(store.put_off, id_, store.now() + self._wait(taken.attempts))

    def forget(self, taken: Taken) -> None:
        """What was pooled of this person, for searches."""
        self._places.pools.forget(Reach(taken.tenant, None, taken.person, None, None))

    async def untold(self, snapshot: Snapshot, taken: Taken, until: datetime | None) -> int:
        """What hooks still had to tell of this person, and do not tell any more."""
        if not taken.is_whole:
            return 0
        return await self.reaching.forgotten(snapshot, taken.tenant, taken.person, until)

    async def _close(self, store: "ErasureStore", taken: Taken) -> None:
        """Behind a closed fence: nothing else can change what there is."""
        agree = 0.0 if self.alone else AGREE_SECONDS
        await asyncio.sleep(agree)
        heard = self._now()
        keys, queued, names = (), 0, frozenset[str]()
        if taken.is_whole:
            keys = await self._shredded(taken)
            queued, names = await asyncio.to_thread(store.unqueue, taken.tenant, taken.person)
        with self._places.serving() as snapshot:
            queued += await self.untold(snapshot, taken, None)
            standing = msgspec.structs.replace(
                taken.standing,
                keys=tuple(sorted({*taken.standing.keys, *keys})),
                queued=taken.standing.queued + queued,
            )
            whole = self.reaching.targets(snapshot, taken.tenant)
            standing = msgspec.structs.replace(standing, uncovered=unseen(snapshot, taken, names, whole))
            standing, missed = await self._attempt(store, taken, snapshot, standing, None)
        self.forget(taken)
        at = heard if self.alone else self._now() - timedelta(seconds=agree / 2)
        await self._finish(store, taken, standing, missed=missed, opened=at)
        await self._hear(store)

    async def _again(self, store: "ErasureStore", taken: Taken) -> None:
        """Up to what the fence covers. Who has confirmed is looked through again: it may have got something back."""
        until = Until(taken.at, self._clock())
        with self._places.serving() as snapshot:
            queued = taken.standing.queued + await self.untold(snapshot, taken, taken.at)
            standing = msgspec.structs.replace(taken.standing, queued=queued)
            standing, missed = await self._attempt(store, taken, snapshot, standing, until)
        await self._finish(store, taken, standing, missed=missed)

    async def _attempt(
        self, store: "ErasureStore", taken: Taken, snapshot: Snapshot, standing: Standing, until: Until | None
    ) -> tuple[Standing, bool]:
        return await self._attempts.made(store, taken, snapshot, standing, until=until, verify=self.rules.verified)

    async def _finish(
        self,
        store: "ErasureStore",
        taken: Taken,
        standing: Standing,
        *,
        missed: bool,
        opened: datetime | None = None,
    ) -> None:
        """The receipt, where it says something new; what is to be done next; and the fence, where it opens now."""
        before = taken.standing
        done = all(each.method is not Method.PENDING for each in standing.targets)
        status = Status.DONE if done else Status.PENDING
        done_at = (before.done_at or self._clock()) if done else None
        standing = msgspec.structs.replace(standing, status=status, done_at=done_at)
        if taken.stage is Stage.CLOSED or _said(standing) != _said(before):
            await self._issue(store, taken, standing)
        if not done:
            stage, due = Stage.OPEN, store.now() + self._wait(taken.attempts)
        elif taken.stage is Stage.LAST and missed:
            stage, due = Stage.LAST, store.now() + self._wait(taken.attempts)
        elif taken.stage is Stage.LAST:
            stage, due = Stage.ENDED, store.now()
            self._attempts.ended(taken.id)
        else:
            stage, due = Stage.LAST, store.now() + self.rules.held
        await asyncio.to_thread(store.settle, taken, standing, stage, due, opened)

    async def _issue(self, store: "ErasureStore", taken: Taken, standing: Standing) -> None:
        signer, at = await self._register.signer(), self._clock()

        def make(number: int, previous: str, subject: str) -> bytes:
            receipt = receipt_of(
                standing, tenant=taken.tenant, subject=subject, number=number, previous=previous, at=at
            )
            return signer.signed(receipt)

        await asyncio.to_thread(store.issue, taken, make)
        _log.info(
            "an erasure is %s",
            standing.status.value,
            extra={"erasure": taken.id, "tenant": taken.tenant, "records": sum(standing.deleted.values())},
        )

    async def _shredded(self, taken: Taken) -> tuple[str, ...]:
        """First of all: what is sealed cannot be read from then on, wherever it is. The fingerprints of the keys.

        Where the store of the keys is away, they go with all else that it holds of this person, when it is back.
        """
        found: list[str] = []
        with self._places.serving() as snapshot:
            for name, ring in rings_of(snapshot, taken.tenant).items():
                try:
                    found += await ring.shred(taken.tenant, taken.person)
                except GatewayError as error:
                    _log.warning("keys are not shredded yet", extra={"keyring": name, "code": error.code})
        return tuple(found)

    def _wait(self, attempts: int) -> float:
        return min(_LONGEST, self.rules.first_wait * 2.0 ** min(attempts, 12))


def _said(standing: Standing) -> Any:
    """What a receipt would say, but for times."""
    targets = [msgspec.structs.replace(each, verified_at=None) for each in standing.targets]
    return msgspec.structs.replace(standing, targets=tuple(targets), receipt=None)
