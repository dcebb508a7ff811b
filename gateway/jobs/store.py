"""Jobs as rows: kept, begun, settled; each a transaction that hands the next run to DBOS with it.

For threads: every method blocks. What is kept belongs to a job that is due when no change can be under way any longer;
what is known to be made moves from there to a job that is due at once. So many writes are one run, and what nobody speaks
of again is delivered all the same. A run that was overtaken changes nothing but what it has delivered.
"""

import logging
import uuid
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, TypeAlias

import msgspec
import sqlalchemy as sa
from dbos import DBOSClient, DBOSPortableJSONSerializer, EnqueueOptions
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DBAPIError

from gateway.domain.ids import Clock
from gateway.domain.outbox import Intent
from gateway.jobs.job import KIND, Begun, Carried, Owed, State
from gateway.jobs.owed import intent_of, kept_form
from gateway.jobs.tables import GONE, JOBS, META, OWED, Place, moment

QUEUE: Final = "deliveries"
APPLICATION: Final = "memory-gateway"
_MOST: Final = 5_000  # records that one job takes
_AT_ONCE: Final = 400  # ids in one statement

Pair: TypeAlias = tuple[str, str]


class Kept(msgspec.Struct, frozen=True):
    """Where an intent is kept."""

    number: int
    job: str
    intent: Intent


class Store:
    def __init__(self, place: Place, clock: Clock) -> None:
        _quieten()
        self._clock = clock
        self._keeping = place.engine(1, durable=True)
        self.engine = place.engine(6, durable=False)
        self._insert: Any = sqlite.insert if place.path is not None else postgresql.insert
        # DBOS may wait for its database for ever, which a command line or a request must not.
        self.dbos = DBOSClient(
            system_database_engine=self.engine,
            serializer=DBOSPortableJSONSerializer(),
            application_name=APPLICATION,
            lazy=True,
            retry_connection_errors=False,
        )

    def make(self) -> None:
        """The tables, unless they are there. Several may be at it at once."""
        for last in (False, False, True):
            try:
                META.create_all(self.engine)
                return
            except DBAPIError:
                if last:
                    raise

    def ready(self) -> bool:
        """Whether the tables are there."""
        return sa.inspect(self.engine).has_table(JOBS.name)

    def close(self) -> None:
        self.dbos.destroy()
        self.engine.dispose()
        self._keeping.dispose()

    def now(self) -> float:
        return self._clock().timestamp()

    def keep(self, intents: Sequence[Intent], held: Mapping[Pair, str], seconds: float) -> list[Kept]:
        """Durable when it returns, and due in so many seconds. `held` are jobs that may still take more. In the order
        of `intents`."""
        pairs: dict[Pair, list[int]] = {}
        for place, intent in enumerate(intents):
            pairs.setdefault((intent.source, intent.target), []).append(place)
        kept: dict[int, Kept] = {}
        with self._keeping.begin() as db:
            for pair, places in sorted(pairs.items()):  # in one order, so that nobody waits for each other
                records = sum(len(intents[place].ids) for place in places)
                job = held.get(pair)
                if job is None or not self._joined(db, job, records):
                    job = self._opened(db, pair, records, seconds, State.HELD)
                rows = [{"job": job, "intent": kept_form(intents[place])} for place in places]
                numbers = db.execute(sa.insert(OWED).returning(OWED.c.number, sort_by_parameter_order=True), rows)
                for place, number in zip(places, numbers.scalars(), strict=True):
                    kept[place] = Kept(number, job, intents[place])
            self._bury(db, intents)
        return [kept[place] for place in range(len(intents))]

    def release(self, kept: Sequence[Kept], again: Sequence[Kept]) -> None:
        """Due now; `again` later as well, as they were. Need not be durable: it is only sooner."""
        pairs: dict[Pair, tuple[list[Kept], list[Kept]]] = {}
        for which, some in enumerate((kept, again)):
            for each in some:
                pairs.setdefault((each.intent.source, each.intent.target), ([], []))[which].append(each)
        with self.engine.begin() as db:
            for pair, (once, twice) in sorted(pairs.items()):
                records = sum(len(each.intent.ids) for each in (*once, *twice))
                job = self._opened(db, pair, records, 0.0, State.WAITING)
                for some in _portions([each.number for each in once]):
                    db.execute(sa.update(OWED).where(OWED.c.number.in_(some)).values(job=job))
                if twice:
                    db.execute(sa.insert(OWED), [{"job": job, "intent": kept_form(each.intent)} for each in twice])
                left: dict[str, int] = {}
                for each in once:
                    left[each.job] = left.get(each.job, 0) + len(each.intent.ids)
                for held, count in sorted(left.items()):
                    db.execute(sa.update(JOBS).where(JOBS.c.id == held).values(records=JOBS.c.records - count))

    def begin(self, job: str, run: int) -> Begun | None:
        """From now on it takes nothing more. None where this run is not wanted any longer."""
        with self.engine.begin() as db:
            found = db.execute(
                sa.update(JOBS)
                .where(JOBS.c.id == job, JOBS.c.run == run, JOBS.c.state != State.DEAD)
                .values(state=State.RUNNING)
                .returning(JOBS.c.source, JOBS.c.target, JOBS.c.attempts)
            ).one_or_none()
            if found is None:
                return None
            rows = db.execute(sa.select(OWED.c.number, OWED.c.intent).where(OWED.c.job == job).order_by(OWED.c.number))
            owed = [Owed(number, intent_of(found.source, found.target, intent)) for number, intent in rows]
        return Begun(
            id=job,
            run=run,
            source=found.source,
            target=found.target,
            attempts=found.attempts,
            owed=owed,
        )

    def settle(self, begun: Begun, carried: Carried, seconds: float | None) -> None:
        """What was not delivered is due again in so many seconds; None: it is dead."""
        mine = (JOBS.c.id == begun.id, JOBS.c.run == begun.run)
        left = [owed for owed in begun.owed if owed.number not in carried.done]
        with self.engine.begin() as db:
            if not left:
                db.execute(sa.delete(JOBS).where(*mine))
            else:
                more: dict[str, Any] = {
                    "attempts": begun.attempts + 1,
                    "records": sum(len(owed.intent.ids) for owed in left),
                    "reason": carried.reason,
                }
                if seconds is None:
                    db.execute(sa.update(JOBS).where(*mine).values(state=State.DEAD, **more))
                else:
                    self.again(db, begun.id, begun.run, seconds, **more)
            for some in _portions(sorted(carried.done)):
                db.execute(sa.delete(OWED).where(OWED.c.number.in_(some)))

    def again(self, db: sa.Connection, job: str, run: int, seconds: float, **more: Any) -> bool:
        """Hands it to DBOS once more, unless that has been done since `run`."""
        values = {"state": State.WAITING, "run": run + 1, "due": self.now() + seconds, **more}
        changed = db.execute(sa.update(JOBS).where(JOBS.c.id == job, JOBS.c.run == run).values(**values))
        if changed.rowcount:
            self._enqueue(db, job, run + 1, seconds)
        return bool(changed.rowcount)

    def gone(self, tenant: str, ids: Sequence[str]) -> dict[str, datetime]:
        found: dict[str, datetime] = {}
        with self.engine.connect() as db:
            for some in _portions(ids):
                rows = db.execute(sa.select(GONE.c.id, GONE.c.at).where(GONE.c.tenant == tenant, GONE.c.id.in_(some)))
                found |= {id_: datetime.fromisoformat(at) for id_, at in rows}
        return found

    def _joined(self, db: sa.Connection, job: str, records: int) -> bool:
        return bool(
            db.execute(
                sa.update(JOBS)
                .where(JOBS.c.id == job, JOBS.c.state == State.HELD, JOBS.c.records + records <= _MOST)
                .values(records=JOBS.c.records + records)
            ).rowcount
        )

    def _opened(self, db: sa.Connection, pair: Pair, records: int, seconds: float, state: State) -> str:
        job, now = uuid.uuid4().hex, self.now()
        values = {"kind": KIND, "state": state, "run": 0, "attempts": 0, "reason": ""}
        row = {"id": job, "source": pair[0], "target": pair[1], "began": now, "due": now + seconds, "records": records}
        db.execute(sa.insert(JOBS).values(**values, **row))
        self._enqueue(db, job, 0, seconds)
        return job

    def _enqueue(self, db: sa.Connection, job: str, run: int, seconds: float) -> None:
        options: EnqueueOptions = {
            "workflow_name": KIND,
            "queue_name": QUEUE,
            "workflow_id": workflow_of(job, run),
        }
        if seconds > 0:
            options["delay_seconds"] = seconds
        self.dbos.enqueue_in_transaction(db, options, job, run)

    def _bury(self, db: sa.Connection, intents: Sequence[Intent]) -> None:
        latest: dict[tuple[str, str], datetime] = {}
        for intent in intents:
            if intent.gone is not None:
                for id_ in intent.ids:
                    place = (intent.reach.tenant, id_)
                    latest[place] = max(latest.get(place, intent.gone), intent.gone)
        if not latest:
            return
        new = self._insert(GONE)
        later = new.on_conflict_do_update(
            index_elements=["tenant", "id"], set_={"at": new.excluded.at}, where=GONE.c.at < new.excluded.at
        )
        db.execute(
            later, [{"tenant": tenant, "id": id_, "at": moment(at)} for (tenant, id_), at in sorted(latest.items())]
        )


def workflow_of(job: str, run: int) -> str:
    return f"{job}.{run}"


def _portions(of: Sequence[Any]) -> Iterable[Sequence[Any]]:
    return (of[start : start + _AT_ONCE] for start in range(0, len(of), _AT_ONCE))


def _quieten() -> None:
    """DBOS opens a console of its own unless there is a handler; so its warnings join our lines instead."""
    log = logging.getLogger("dbos")
    log.setLevel(logging.WARNING)
    if not any(isinstance(each, logging.NullHandler) for each in log.handlers):
        log.addHandler(logging.NullHandler())
