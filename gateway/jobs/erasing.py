"""Erasures, from what was asked to the receipt: kept first, then made, and made again until every target has confirmed.

First the fence is closed, and nothing of this person can be written; what can be reached is erased and looked through;
then the fence opens, and what is written from then on is a new life. What was away is erased when it is back, up to what
the fence covers. At the end all of it is looked through once more, when no change can be under way any longer.
Whoever dies in between leaves rows that another process goes on from.
"""

import asyncio
import logging
import uuid
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import msgspec

from gateway.chain.vanishing import Person, Until, Vanished, vanish
from gateway.config.compiled import Config, Plugged
from gateway.domain.erasure import Asked, Method, Standing, Status, Target
from gateway.domain.errors import GatewayError, Unavailable
from gateway.domain.ids import Clock, Randomness
from gateway.domain.outbox import HELD_SECONDS
from gateway.domain.record import Kind
from gateway.domain.scope import Reach
from gateway.jobs.reaching import Reaching, is_noted, is_private, rings_of
from gateway.receipts.receipt import receipt_of
from gateway.receipts.signing import Signer, kept_private, read_private
from gateway.retrieval.pools import Pools
from gateway.runtime.fences import Known
from gateway.runtime.instances import Instances
from gateway.runtime.snapshot import Snapshot

if TYPE_CHECKING:
    from gateway.jobs.erasure_store import ErasureStore, Taken

Result = TypeVar("Result")

LOOK_SECONDS: Final = 0.5  # between two looks at what other workers have done
AGREE_SECONDS: Final = 1.5  # by then every worker has looked
_HOLD_SECONDS: Final = 15.0  # an erasure is this process's for so long, and again
_LONGEST: Final = 300.0  # between two attempts
_SWEEP_SECONDS: Final = 3_600.0

_log = logging.getLogger("gateway.erasures")


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


class Erasing:
    """An Erasures. `now` gives times that are later than those of all records made before."""

    def __init__(self, clock: Clock, now: Clock, randomness: Randomness, places: Places, rules: Rules) -> None:
        self._clock = clock
        self._now = now
        self._randomness = randomness
        self._places = places
        self._rules = rules
        self._reaching = Reaching(places.instances, clock)
        self._me = uuid.uuid4().hex
        self._config: Config | None = None
        self._store: ErasureStore | None = None
        self._turn = asyncio.Lock()
        self._hearing = asyncio.Lock()  # what was read earlier is told earlier
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._chore: asyncio.Task[None] | None = None
        self._stir = asyncio.Event()
        self._changes = -1
        self._ids: dict[str, dict[Kind, set[str]]] = {}  # of erasures under way here: each record counts once
        self._swept = 0.0

    async def prepare(self, config: Config) -> None:
        """Before this configuration serves: fences that stand are known from the first request on."""
        self._config = config
        if self._store is None:
            await self._found(config)
        if self._chore is None and (self._store is not None or not self._alone):
            self._chore = asyncio.create_task(self._look_after(), name="erasures")

    async def stop(self) -> None:
        """What is under way is gone on with by whoever comes next."""
        chore, self._chore = self._chore, None
        tasks = [*self._tasks.values(), *([chore] if chore is not None else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        store, self._store = self._store, None
        if store is not None:
            if self._ids or tasks:
                await asyncio.to_thread(store.release, self._me)
            await asyncio.to_thread(store.close)

    async def erase(self, asked: Asked, wait: float) -> Standing:
        store = await self._needed()
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
        await self._hear(store)
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
        store = self._store or await self._found(self._config)
        return None if store is None else await self._kept(lambda: store.standing(tenant, user, id_))

    async def signer(self) -> Signer:
        config = self._config
        if config is None:
            raise Unavailable("no configuration is being served yet", code="not_ready")
        written = config.receipts
        if written.key is not None:
            return read_private(written.key.reveal())
        return await asyncio.to_thread(kept_private, Path(config.home, written.file), self._randomness)

    @property
    def _alone(self) -> bool:
        return self._rules.alone and (self._config is None or self._config.jobs.url is None)

    async def _found(self, config: Config | None) -> "ErasureStore | None":
        """The store, where somebody has made one."""
        if config is None:
            return None
        async with self._turn:
            if self._store is None:
                try:
                    self._store = await asyncio.to_thread(self._opened, config, make=False)
                except Exception as error:  # noqa: BLE001 - looked for again; who erases is told then
                    _log.warning("the store of erasures cannot be read now", extra={"reason": type(error).__name__})
            store = self._store
        if store is not None and self._changes < 0:
            await self._hear(store)
        return store

    async def _needed(self) -> "ErasureStore":
        config = self._config
        if config is None:
            raise Unavailable("no configuration is being served yet", code="not_ready")
        async with self._turn:
            if self._store is None:
                try:
                    await self.signer()
                    self._store = await asyncio.to_thread(self._opened, config, make=True)
                except Exception as error:
                    _log.warning("erasures cannot be kept", extra={"reason": type(error).__name__})
                    raise _unkept(error) from error
        if self._store is None:
            raise Unavailable("the gateway is stopping", code="erasures_unavailable")
        return self._store

    def _opened(self, config: Config, *, make: bool) -> "ErasureStore | None":
        """Blocks. Without `make`, None where there is none."""
        shared = config.jobs.url is not None  # a server, which is there to be used
        if not make and not shared and not Path(config.home, config.jobs.store).exists():
            return None
        from gateway.jobs.erasure_store import ErasureStore
        from gateway.jobs.jobs import place_of

        place, make = place_of(config), make or shared

        place.make()
        store = ErasureStore(place, self._clock, self._randomness)
        try:
            if make or store.ready():
                store.make()
                return store
        except BaseException:
            store.close()
            raise
        store.close()
        return None

    async def _kept(self, call: Callable[[], Result]) -> Result:
        try:
            return await asyncio.to_thread(call)
        except Exception as error:
            raise _unkept(error) from error

    async def _hear(self, store: "ErasureStore") -> None:
        """Tells those who write here what fences there are."""

        async def spent(tenant: str, ids: Sequence[str]) -> frozenset[str]:
            return await self._kept(lambda: store.spent(tenant, ids))

        async with self._hearing:
            changes = await asyncio.to_thread(store.changes)
            if changes == self._changes:
                return
            raised = await asyncio.to_thread(store.fences)
            news = self._places.fences.hear(raised, store.secret, spent)
            self._changes = changes
        for each in news:
            if each.closed and each.id not in self._tasks and not self._rules.alone:
                await self._own_copies(store, each.id)

    async def _own_copies(self, store: "ErasureStore", id_: str) -> None:
        """What this process alone can reach, of an erasure that another one is at."""
        taken = await asyncio.to_thread(store.taken, id_)
        if taken is None:
            return
        with self._places.serving() as snapshot:
            for target in self._reaching.targets(snapshot, taken.tenant).values():
                if is_private(target.plugin.capabilities(target.options)):
                    async with self._reaching.reached(snapshot, target) as reached:
                        await vanish(reached.provider, reached.can, _person(taken), None, verify=True)
            for ring in rings_of(snapshot, taken.tenant).values():
                await ring.changed(taken.tenant)  # no new life is sealed with a key that is about to be destroyed
        self._forget(taken)

    async def _look_after(self) -> None:
        while True:
            pause = LOOK_SECONDS
            try:
                store = self._store or await self._found(self._config)
                if store is not None:
                    await self._tend(store)
                    if self._alone:
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
        if not self._alone:
            await self._hear(store)
        held = store.now() + _HOLD_SECONDS
        if self._tasks:
            await asyncio.to_thread(store.hold, list(self._tasks), self._me, held)
        for taken in await asyncio.to_thread(store.take, self._me, held):
            self._spawn(taken.id)
        if store.now() > self._swept + _SWEEP_SECONDS and self._config is not None:
            self._swept = store.now()
            before = self._clock() - timedelta(seconds=self._config.jobs.horizon.seconds)
            await asyncio.to_thread(store.sweep, before)

    def _spawn(self, id_: str) -> None:
        if id_ in self._tasks:
            return
        task = self._tasks[id_] = asyncio.create_task(self._run(id_), name=f"erase {id_}")
        task.add_done_callback(lambda _: self._ended(id_))

    def _ended(self, id_: str) -> None:
        self._tasks.pop(id_, None)
        self._stir.set()

    async def _run(self, id_: str) -> None:
        from gateway.jobs.erasure_store import Stage

        store = self._store
        taken = await asyncio.to_thread(store.taken, id_) if store is not None else None
        if store is None or taken is None:
            return
        try:
            if taken.stage is Stage.CLOSED:
                await self._close(store, taken)
            else:
                await self._again(store, taken)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is tried again, and the receipt says pending
            _log.warning("an erasure is not done yet", extra={"erasure": id_, "reason": type(error).__name__})
            await asyncio.to_thread(store.put_off, id_, store.now() + self._wait(taken.attempts))

    async def _close(self, store: "ErasureStore", taken: "Taken") -> None:
        """Behind a closed fence: nothing else can change what there is."""
        agree = 0.0 if self._alone else AGREE_SECONDS
        await asyncio.sleep(agree)
        heard = self._now()
        keys, queued, names = (), 0, frozenset[str]()
        if set(taken.standing.kinds) == set(Kind):  # neither a key nor what is queued is of one kind
            keys = await self._shredded(taken)
            queued, names = await asyncio.to_thread(store.unqueue, taken.tenant, taken.person)
        standing = msgspec.structs.replace(
            taken.standing,
            keys=tuple(sorted({*taken.standing.keys, *keys})),
            queued=taken.standing.queued + queued,
        )
        with self._places.serving() as snapshot:
            whole = self._reaching.targets(snapshot, taken.tenant)
            uncovered = _uncovered(snapshot, taken, names, whole)
            standing = msgspec.structs.replace(standing, uncovered=uncovered)
            standing, missed = await self._attempt(store, taken, snapshot, standing, None)
        self._forget(taken)
        at = heard if self._alone else self._now() - timedelta(seconds=agree / 2)
        await self._finish(store, taken, standing, missed=missed, opened=at)
        await self._hear(store)

    async def _again(self, store: "ErasureStore", taken: "Taken") -> None:
        """Up to what the fence covers. Who has confirmed is looked through again: it may have got something back."""
        until = Until(taken.at, self._clock())
        with self._places.serving() as snapshot:
            standing, missed = await self._attempt(store, taken, snapshot, taken.standing, until)
        await self._finish(store, taken, standing, missed=missed)

    async def _attempt(
        self, store: "ErasureStore", taken: "Taken", snapshot: Snapshot, standing: Standing, until: Until | None
    ) -> tuple[Standing, bool]:
        """On every target; with whether some did not answer."""
        person, whole = _person(taken), self._reaching.targets(snapshot, taken.tenant)
        known = {each.provider: each for each in standing.targets}
        outcomes = await asyncio.gather(*(self._one(snapshot, each, person, until) for each in whole.values()))
        counted, deleted = self._ids.setdefault(taken.id, {}), dict(standing.deleted)
        sessions, spent, targets = set[Any](), set[str](), list[Target]()
        for declared, outcome in zip(whole.values(), outcomes, strict=True):
            before = known.get(declared.key) or Target(provider=declared.key, type=declared.type_name)
            targets.append(self._stands(declared, before, outcome))
            if isinstance(outcome, Vanished):
                spent |= outcome.spent
                sessions |= outcome.sessions
                for kind, ids in outcome.ids.items():
                    counted.setdefault(kind, set()).update(ids)
        for kind, ids in counted.items():
            # After a restart it is not known any more which were counted: then the most that was found at once.
            deleted[kind.value] = max(deleted.get(kind.value, 0), len(ids))
        if spent:
            await asyncio.to_thread(store.spend, taken.tenant, sorted(spent), self._now())
        targets += [each for key, each in known.items() if key not in whole]
        told = msgspec.structs.replace(
            standing,
            targets=tuple(targets),
            deleted={kind: count for kind, count in sorted(deleted.items()) if count},
            sessions=max(standing.sessions, len(sessions)),
        )
        return told, any(isinstance(each, Exception) for each in outcomes)

    async def _one(
        self, snapshot: Snapshot, target: Plugged, person: Person, until: Until | None
    ) -> Vanished | Exception:
        try:
            async with self._reaching.reached(snapshot, target) as reached:
                return await vanish(reached.provider, reached.can, person, until, verify=self._rules.verified)
        except Exception as error:  # noqa: BLE001 - other people's code may raise anything; this target has not confirmed
            return error

    def _stands(self, declared: Plugged, before: Target, outcome: Vanished | Exception) -> Target:
        if isinstance(outcome, Exception):
            if before.method is not Method.PENDING:
                return before  # it has confirmed, and nobody can have written since
            return msgspec.structs.replace(before, reason=_reason(outcome))
        counts = {kind: before.before.get(kind, 0) + count for kind, count in outcome.counts().items()}
        told = msgspec.structs.replace(before, before={**before.before, **counts}, after=outcome.left)
        if outcome.wrong:
            return msgspec.structs.replace(told, method=Method.PENDING, verified_at=None, reason=outcome.wrong)
        if declared.plugin.capabilities(declared.options).attested:
            return msgspec.structs.replace(told, method=Method.ATTESTED, reason="")
        return msgspec.structs.replace(told, method=Method.DELETED, verified_at=self._clock(), reason="")

    async def _finish(
        self,
        store: "ErasureStore",
        taken: "Taken",
        standing: Standing,
        *,
        missed: bool,
        opened: datetime | None = None,
    ) -> None:
        """The receipt, where it says something new; what is to be done next; and the fence, where it opens now."""
        from gateway.jobs.erasure_store import Stage

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
            self._ids.pop(taken.id, None)
        else:
            stage, due = Stage.LAST, store.now() + self._rules.held
        await asyncio.to_thread(store.settle, taken, standing, stage, due, opened)

    async def _issue(self, store: "ErasureStore", taken: "Taken", standing: Standing) -> None:
        signer, at = await self.signer(), self._clock()

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

    async def _shredded(self, taken: "Taken") -> tuple[str, ...]:
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

    def _forget(self, taken: "Taken") -> None:
        self._places.pools.forget(Reach(taken.tenant, None, taken.person, None, None))

    def _wait(self, attempts: int) -> float:
        return min(_LONGEST, self._rules.first_wait * 2.0 ** min(attempts, 12))


def _person(taken: "Taken") -> Person:
    return Person(tenant=taken.tenant, user=taken.person, kinds=frozenset(taken.standing.kinds), noted=taken.noted)


def _uncovered(
    snapshot: Snapshot, taken: "Taken", names: frozenset[str], whole: Mapping[str, Plugged]
) -> tuple[str, ...]:
    """In words, what nobody has looked through."""
    told = [f"provider {key}: no longer declared, and may hold copies" for key in sorted(names - whole.keys())]
    if taken.tenant in snapshot.locked:
        told.append("the tenant's configuration is broken: providers of its own could not be seen")
    return tuple({*taken.standing.uncovered, *told})


def _said(standing: Standing) -> Any:
    """What a receipt would say, but for times."""
    targets = [msgspec.structs.replace(each, verified_at=None) for each in standing.targets]
    return msgspec.structs.replace(standing, targets=tuple(targets), receipt=None)


def _reason(error: Exception) -> str:
    """A backend's own words may hold contents, so of those only the name is kept."""
    return f"{error.code}: {error.detail}" if isinstance(error, GatewayError) else type(error).__name__


def _unkept(error: Exception) -> Unavailable:
    if isinstance(error, Unavailable):
        return error
    return Unavailable(
        f"erasures cannot be kept now ({type(error).__name__}), so nothing was done", code="erasures_unavailable"
    )
