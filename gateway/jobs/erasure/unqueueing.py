"""What is still owed of a person's records, taken out of the queue of deliveries. For threads: blocks."""

from typing import Final

import sqlalchemy as sa

from gateway.jobs.owed import intent_of
from gateway.jobs.tables import JOBS, OWED

_AT_ONCE: Final = 400


def unqueued(engine: sa.Engine, tenant: str, user: str) -> tuple[int, frozenset[str]]:
    """Deliveries of this person's records that are still owed, in whatever state, are not made any more: the number
    of records, and the keys of the providers that they were for or from."""
    if not sa.inspect(engine).has_table(OWED.name):
        return 0, frozenset()
    records, names, after = 0, set[str](), -1
    query = sa.select(OWED.c.number, OWED.c.job, OWED.c.intent).order_by(OWED.c.number).limit(_AT_ONCE)
    while True:
        with engine.begin() as db:
            rows = db.execute(query.where(OWED.c.number > after)).all()
            mine = [(row, ids) for row in rows if (ids := _owed_to(row.intent, tenant, user)) is not None]
            if mine:
                db.execute(sa.delete(OWED).where(OWED.c.number.in_([row.number for row, _ in mine])))
                for row, ids in mine:
                    held = JOBS.c.id == row.job
                    db.execute(sa.update(JOBS).where(held).values(records=JOBS.c.records - len(ids)))
                    pair = db.execute(sa.select(JOBS.c.source, JOBS.c.target).where(held)).one_or_none()
                    names |= set(pair) if pair is not None else set()
                    records += len(ids)
        if not rows:
            return records, frozenset(names)
        after = rows[-1].number


def _owed_to(intent: bytes, tenant: str, user: str) -> tuple[str, ...] | None:
    kept = intent_of("", "", intent)
    return kept.ids if kept.reach.tenant == tenant and kept.reach.user == user else None
