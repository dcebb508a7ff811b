"""Erasures among the jobs: those that some target has not confirmed. For threads: blocks. Names nobody."""

from collections.abc import Sequence
from typing import Any, Final

import msgspec
import sqlalchemy as sa

from gateway.domain.erasure import Method, Standing
from gateway.jobs.erasure.store import ErasureStore
from gateway.jobs.erasure.tables import ERASURES
from gateway.jobs.erasure.taken import Stage
from gateway.jobs.job import State
from gateway.runtime.background import Listed

KIND: Final = "erase"

_decode: Final = msgspec.json.Decoder(Standing).decode


class Unerased:
    """A Shelf. None is ever given up, and none can be dropped."""

    def __init__(self, store: ErasureStore) -> None:
        self._store = store

    def listed(self, *, dead: bool) -> list[Listed]:
        if dead:
            return []
        begun = ERASURES.c.stage.in_([Stage.CLOSED, Stage.OPEN])
        with self._store.engine.connect() as db:
            rows = db.execute(sa.select(ERASURES).where(begun)).all()
        return [_listed(row, _decode(row.standing), self._store.now()) for row in rows]

    def retry(self, ids: Sequence[str] | None) -> int:
        going_on = (ERASURES.c.id.in_(ids or []), ERASURES.c.stage != Stage.ENDED)
        with self._store.engine.begin() as db:
            return db.execute(sa.update(ERASURES).where(*going_on).values(due=self._store.now())).rowcount

    def drop(self, ids: Sequence[str] | None) -> int:
        return 0


def _listed(row: Any, standing: Standing, now: float) -> Listed:
    pending = [each for each in standing.targets if each.method is Method.PENDING]
    return Listed(
        id=row.id,
        kind=KIND,
        source=row.tenant,
        target=", ".join(each.provider for each in pending),
        records=0,
        attempts=row.attempts,
        age=max(0.0, now - standing.began_at.timestamp()),
        due=row.due - now,
        state=State.RUNNING if row.held > now else State.WAITING,
        reason=next((each.reason for each in pending if each.reason), ""),
    )
