"""Looking after the jobs: what is listed, tried again or dropped, whose worker has gone, what may be forgotten.

For threads, as the store is. Whatever ends a run without its being settled, the job is handed to DBOS again from here,
so nothing owed depends on any process, or on DBOS remembering it.
"""

import os
import socket
from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import msgspec
import sqlalchemy as sa

from gateway.domain.outbox import HELD_SECONDS
from gateway.jobs.job import KIND, State
from gateway.jobs.store import QUEUE, Store, workflow_of
from gateway.jobs.tables import GONE, JOBS, OWED, WORKERS, moment
from gateway.runtime.background import Listed, Sum

BEAT_SECONDS: Final = 2.0
_GONE_SECONDS: Final = 8.0  # without a beat; a worker that is only slow delivers beside another, which does no harm
_LATE_SECONDS: Final = 5.0
_LOST_SECONDS: Final = 10.0  # a run begins within this time of being handed out
_KEPT_SECONDS: Final = 3_600.0  # what DBOS remembers of runs that have ended
_BATCH: Final = 200
_UNFINISHED: Final = frozenset({"ENQUEUED", "DELAYED", "PENDING"})


class Tending:
    def __init__(self, store: Store) -> None:
        self._store = store
        self._host = socket.gethostname()

    def beat(self, worker: str) -> None:
        with self._store.engine.begin() as db:
            seen = {"seen": self._store.now()}
            if not db.execute(sa.update(WORKERS).where(WORKERS.c.id == worker).values(**seen)).rowcount:
                row = {"id": worker, "host": self._host, "pid": os.getpid(), **seen}
                db.execute(sa.insert(WORKERS).values(**row))

    def leave(self, worker: str) -> None:
        with self._store.engine.begin() as db:
            db.execute(sa.delete(WORKERS).where(WORKERS.c.id == worker))

    def rescue(self, worker: str, running: Collection[str]) -> int:
        """Jobs that are late, and that nobody is at or will come to, are handed out again. How many.

        `running` are the runs that `worker` is at: another that DBOS believes to be there has been lost.
        """
        late = sa.select(JOBS.c.id, JOBS.c.run).where(
            JOBS.c.state != State.DEAD,
            JOBS.c.due < self._store.now() - _LATE_SECONDS,
        )
        with self._store.engine.connect() as db:
            jobs = [(row.id, row.run) for row in db.execute(late.order_by(JOBS.c.due).limit(_BATCH))]
        if not jobs:
            return 0
        runs = {workflow_of(job, run): (job, run) for job, run in jobs}
        known = {each.workflow_id: each for each in self._workflows(workflow_ids=list(runs))}
        living, rescued = self._living(), 0
        for workflow, (job, run) in runs.items():
            found = known.get(workflow)
            if found is None or found.status not in _UNFINISHED:
                with self._store.engine.begin() as db:
                    rescued += self._store.again(db, job, run, 0.0)
            elif found.status == "PENDING" and (
                found.executor_id not in living or (found.executor_id == worker and self._lost(found, running))
            ):
                self._store.dbos.resume_workflow(workflow, queue_name=QUEUE)
                rescued += 1
        return rescued

    def hasten(self, source: str, target: str) -> None:
        """What waits to try the same again need not wait: it has just gone well."""
        waiting = sa.select(JOBS.c.id, JOBS.c.run).where(
            JOBS.c.state == State.WAITING,
            JOBS.c.source == source,
            JOBS.c.target == target,
            JOBS.c.attempts > 0,
            JOBS.c.due > self._store.now() + 1,
        )
        with self._store.engine.begin() as db:
            runs = [(row.id, row.run) for row in db.execute(waiting.order_by(JOBS.c.due).limit(_BATCH))]
            if runs:
                ids = [job for job, _ in runs]
                db.execute(sa.update(JOBS).where(JOBS.c.id.in_(ids)).values(due=self._store.now()))
        for job, run in runs:
            self._store.dbos.set_workflow_delay(workflow_of(job, run), delay_seconds=0)

    def listed(self, *, dead: bool, limit: int = 1_000) -> list[Listed]:
        """The oldest first."""
        query = sa.select(JOBS).where(JOBS.c.records > 0).order_by(JOBS.c.began, JOBS.c.id).limit(limit)
        now = self._store.now()
        with self._store.engine.connect() as db:
            rows = db.execute(query.where(JOBS.c.state == State.DEAD) if dead else query).all()
        return [
            Listed(
                id=row.id,
                kind=row.kind,
                source=row.source,
                target=row.target,
                records=row.records,
                attempts=row.attempts,
                age=max(0.0, now - row.began),
                due=row.due - now,
                state=row.state,
                reason=row.reason,
            )
            for row in rows
        ]

    def sums(self) -> dict[str, Sum]:
        """Every state, those of which there are none too."""
        query = (
            sa.select(
                JOBS.c.state,
                sa.func.count(),
                sa.func.coalesce(sa.func.sum(JOBS.c.records), 0),
                sa.func.min(JOBS.c.began),
            )
            .where(JOBS.c.records > 0)
            .group_by(JOBS.c.state)
        )
        with self._store.engine.connect() as db:
            found = {
                state: Sum(jobs=jobs, records=int(records), oldest=began)
                for state, jobs, records, began in db.execute(query)
            }
        now = self._store.now()
        return {
            state: msgspec.structs.replace(found[state], oldest=max(0.0, now - found[state].oldest))
            if state in found
            else Sum(jobs=0, records=0, oldest=0.0)
            for state in State
        }

    def retry(self, ids: Sequence[str] | None) -> int:
        """These, or all that are dead, begin anew. How many did."""
        done = 0
        with self._store.engine.begin() as db:
            chosen = JOBS.c.state == State.DEAD if ids is None else JOBS.c.id.in_(ids)
            for row in db.execute(sa.select(JOBS.c.id, JOBS.c.run).where(chosen, JOBS.c.state != State.RUNNING)).all():
                done += self._store.again(db, row.id, row.run, 0.0, attempts=0, reason="")
        return done

    def drop(self, ids: Sequence[str] | None) -> int:
        """Forgets these, or all that are dead: their target never gets what they owe. How many."""
        with self._store.engine.begin() as db:
            chosen = JOBS.c.state == State.DEAD if ids is None else JOBS.c.id.in_(ids)
            dropped = db.execute(sa.delete(JOBS).where(chosen).returning(JOBS.c.id)).scalars().all()
            for start in range(0, len(dropped), _BATCH):
                db.execute(sa.delete(OWED).where(OWED.c.job.in_(dropped[start : start + _BATCH])))
        return len(dropped)

    def sweep(self, horizon: float) -> None:
        """Forgets deletions older than `horizon` seconds and than all that is still owed, workers that have gone, and
        what DBOS keeps of ended runs."""
        now = self._store.now()
        with self._store.engine.begin() as db:
            oldest: float | None = db.execute(sa.select(sa.func.min(JOBS.c.began))).scalar_one()
            until = min(now - horizon, oldest - HELD_SECONDS if oldest is not None else now)
            db.execute(sa.delete(GONE).where(GONE.c.at < moment(datetime.fromtimestamp(until, UTC))))
            db.execute(sa.delete(WORKERS).where(WORKERS.c.seen < now - 100 * _GONE_SECONDS))
        self.recover()
        before = moment(datetime.fromtimestamp(now - _KEPT_SECONDS, UTC))
        while ended := self._workflows(status=["SUCCESS", "ERROR", "CANCELLED"], end_time=before, limit=_BATCH):
            self._store.dbos.delete_workflows([each.workflow_id for each in ended])

    def recover(self) -> None:
        """What workers that have gone were running ends: their jobs say whether anything is left of it."""
        living = self._living()
        for each in self._workflows(status="PENDING", name=KIND, limit=10 * _BATCH):
            if each.executor_id not in living:
                self._store.dbos.resume_workflow(each.workflow_id, queue_name=QUEUE)

    def _lost(self, workflow: Any, running: Collection[str]) -> bool:
        since = (workflow.dequeued_at or 0) / 1_000
        return workflow.workflow_id not in running and since < self._store.now() - _LOST_SECONDS

    def _living(self) -> set[str]:
        with self._store.engine.connect() as db:
            rows = db.execute(sa.select(WORKERS).where(WORKERS.c.seen > self._store.now() - _GONE_SECONDS)).all()
        return {row.id for row in rows if row.host != self._host or _runs(row.pid)}

    def _workflows(self, **chosen: Any) -> list[Any]:
        return list(self._store.dbos.list_workflows(load_input=False, load_output=False, **chosen))


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
