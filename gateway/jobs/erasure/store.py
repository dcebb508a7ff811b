"""Erasures as rows. For threads: every method blocks, and each is one transaction.

Whatever changes a fence changes a number with it, which all changes wait for in turn: whoever sees the same number as
before has missed nothing.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Final

import msgspec
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from gateway.domain.erasure import Asked, Standing
from gateway.domain.ids import Clock
from gateway.domain.record import Kind
from gateway.jobs.erasure.tables import ERASURES, FENCES, META, RECEIPTS, SPENT, STATE
from gateway.jobs.erasure.taken import Stage, Taken
from gateway.jobs.erasure.unqueueing import unqueued
from gateway.jobs.tables import Place, moment
from gateway.receipts.receipt import NONE, hash_of
from gateway.receipts.signing import pseudonym
from gateway.runtime.fences import Raised

_AT_ONCE: Final = 400
_SECRET: Final = 32


_decode: Final = msgspec.json.Decoder(Standing).decode


class ErasureStore:
    def __init__(self, place: Place, clock: Clock, randomness: Callable[[int], bytes]) -> None:
        self._clock = clock
        self._randomness = randomness
        self.engine = place.engine(4, durable=True)
        self.secret = b""

    def close(self) -> None:
        self.engine.dispose()

    def ready(self) -> bool:
        return sa.inspect(self.engine).has_table(STATE.name)

    def make(self) -> None:
        """The tables and the secret, unless they are there. Several may be at it at once."""
        for last in (False, False, True):
            try:
                META.create_all(self.engine)
                with self.engine.begin() as db:
                    if db.execute(sa.select(STATE.c.one)).one_or_none() is None:
                        db.execute(sa.insert(STATE).values(one=1, changes=0, secret=self._randomness(_SECRET)))
                break
            except DBAPIError:
                if last:
                    raise
        with self.engine.connect() as db:
            self.secret = bytes(db.execute(sa.select(STATE.c.secret)).scalar_one())

    def now(self) -> float:
        return self._clock().timestamp()

    def subject(self, tenant: str, user: str) -> str:
        return pseudonym(self.secret, tenant, user)

    def changes(self) -> int:
        with self.engine.connect() as db:
            return int(db.execute(sa.select(STATE.c.changes)).scalar_one())

    def fences(self) -> dict[str, Raised]:
        with self.engine.connect() as db:
            return {row.id: _raised(row) for row in db.execute(sa.select(FENCES))}

    def begin(self, id_: str, asked: Asked, standing: Standing, *, noted: bool, holder: str, held: float) -> str:
        """Durable when it returns, and closed from then on. The id of what is under way already, where it is the same."""
        subject, kinds = self.subject(asked.tenant, asked.user), _kinds(asked.kinds)
        with self.engine.begin() as db:
            self._changed(db)
            same = (
                sa.select(ERASURES.c.id)
                .join(FENCES, FENCES.c.id == ERASURES.c.id)
                .where(
                    ERASURES.c.tenant == asked.tenant,
                    ERASURES.c.subject == subject,
                    ERASURES.c.stage == Stage.CLOSED,
                    FENCES.c.kinds == kinds,
                    FENCES.c.refuse == asked.refuse_new,
                )
            )
            found = db.execute(same).scalars().first()
            if found is not None:
                return str(found)
            at = moment(standing.began_at)
            fence = {"id": id_, "tenant": asked.tenant, "subject": subject, "kinds": kinds, "at": at}
            db.execute(sa.insert(FENCES).values(closed=True, refuse=asked.refuse_new, **fence))
            row = {"id": id_, "tenant": asked.tenant, "subject": subject, "person": asked.user, "noted": noted}
            state = {"stage": Stage.CLOSED, "due": self.now(), "attempts": 0, "holder": holder, "held": held}
            db.execute(sa.insert(ERASURES).values(**row, **state, standing=msgspec.json.encode(standing)))
        return id_

    def take(self, holder: str, held: float, limit: int = 20) -> list[Taken]:
        """What is due and nobody's, or was left by whoever had it."""
        now = self.now()
        due = sa.and_(ERASURES.c.stage != Stage.ENDED, ERASURES.c.due <= now, ERASURES.c.held < now)
        with self.engine.begin() as db:
            ids = db.execute(sa.select(ERASURES.c.id).where(due).order_by(ERASURES.c.due).limit(limit)).scalars().all()
            mine = [
                id_
                for id_ in ids
                if db.execute(
                    sa.update(ERASURES)
                    .where(ERASURES.c.id == id_, ERASURES.c.held < now)
                    .values(holder=holder, held=held)
                ).rowcount
            ]
        return [each for id_ in mine if (each := self.taken(id_)) is not None]

    def taken(self, id_: str) -> Taken | None:
        query = sa.select(ERASURES, FENCES.c.at).join(FENCES, FENCES.c.id == ERASURES.c.id).where(ERASURES.c.id == id_)
        with self.engine.connect() as db:
            row = db.execute(query).one_or_none()
        if row is None or row.stage == Stage.ENDED:
            return None
        return Taken(
            id=row.id,
            tenant=row.tenant,
            person=row.person,
            noted=row.noted,
            stage=Stage(row.stage),
            attempts=row.attempts,
            at=datetime.fromisoformat(row.at),
            standing=_decode(row.standing),
        )

    def hold(self, ids: Sequence[str], holder: str, held: float) -> None:
        with self.engine.begin() as db:
            mine = sa.and_(ERASURES.c.id.in_(ids), ERASURES.c.holder == holder)
            db.execute(sa.update(ERASURES).where(mine).values(held=held))

    def next_due(self) -> float | None:
        """When something is to be done; None where nothing is."""
        with self.engine.connect() as db:
            return db.execute(sa.select(sa.func.min(ERASURES.c.due)).where(ERASURES.c.stage != Stage.ENDED)).scalar()

    def holders(self) -> dict[str, str]:
        """Of all processes' erasures that have not come to their end: who is at each, "" for nobody now."""
        with self.engine.connect() as db:
            going_on = sa.select(ERASURES.c.id, ERASURES.c.holder).where(ERASURES.c.stage != Stage.ENDED)
            return {row.id: row.holder for row in db.execute(going_on)}

    def unconfirmed(self) -> int:
        """Of all processes: those that some target has not confirmed."""
        with self.engine.connect() as db:
            begun = ERASURES.c.stage.in_([Stage.CLOSED, Stage.OPEN])
            return db.execute(sa.select(sa.func.count()).select_from(ERASURES).where(begun)).scalar_one()

    def settle(self, taken: Taken, standing: Standing, stage: Stage, due: float, opened: datetime | None) -> None:
        """With `opened`, the fence opens in the same moment, and covers what was written until then."""
        more = {"person": ""} if stage is Stage.ENDED else {}
        row = {"stage": stage, "due": due, "attempts": taken.attempts + 1, "holder": "", "held": 0.0}
        told = msgspec.json.encode(msgspec.structs.replace(standing, receipt=None))
        with self.engine.begin() as db:
            if opened is not None:
                self._changed(db)
                fence = {"closed": False, "at": moment(opened)}
                db.execute(sa.update(FENCES).where(FENCES.c.id == taken.id).values(**fence))
            db.execute(sa.update(ERASURES).where(ERASURES.c.id == taken.id).values(standing=told, **row, **more))

    def put_off(self, id_: str, due: float) -> None:
        """Nothing came of an attempt."""
        row = {"due": due, "attempts": ERASURES.c.attempts + 1, "holder": "", "held": 0.0}
        with self.engine.begin() as db:
            db.execute(sa.update(ERASURES).where(ERASURES.c.id == id_).values(**row))

    def release(self, holder: str) -> None:
        with self.engine.begin() as db:
            db.execute(sa.update(ERASURES).where(ERASURES.c.holder == holder).values(holder="", held=0.0))

    def standing(self, tenant: str, user: str, id_: str) -> Standing | None:
        mine = (ERASURES.c.id == id_, ERASURES.c.tenant == tenant, ERASURES.c.subject == self.subject(tenant, user))
        newest = sa.select(RECEIPTS.c.receipt).where(RECEIPTS.c.erasure == id_).order_by(RECEIPTS.c.number.desc())
        with self.engine.connect() as db:
            found = db.execute(sa.select(ERASURES.c.standing).where(*mine)).scalar_one_or_none()
            if found is None:
                return None
            receipt = db.execute(newest.limit(1)).scalar_one_or_none()
        return msgspec.structs.replace(_decode(found), receipt=None if receipt is None else msgspec.Raw(receipt))

    def issue(self, taken: Taken, make: Callable[[int, str, str], bytes]) -> bytes:
        """A receipt with the next number of its tenant, made from that, the hash of the one before, and the subject."""
        with self.engine.begin() as db:
            self._turn(db)
            last = db.execute(
                sa.select(RECEIPTS.c.number, RECEIPTS.c.hash)
                .where(RECEIPTS.c.tenant == taken.tenant)
                .order_by(RECEIPTS.c.number.desc())
                .limit(1)
            ).one_or_none()
            number, before = (1, NONE) if last is None else (last.number + 1, last.hash)
            raw = make(number, before, self.subject(taken.tenant, taken.person))
            row = {"tenant": taken.tenant, "number": number, "erasure": taken.id, "hash": hash_of(raw)}
            db.execute(sa.insert(RECEIPTS).values(receipt=raw, **row))
        return raw

    def spend(self, tenant: str, ids: Sequence[str], at: datetime) -> None:
        with self.engine.begin() as db:
            for start in range(0, len(ids), _AT_ONCE):
                some = ids[start : start + _AT_ONCE]
                db.execute(sa.delete(SPENT).where(SPENT.c.tenant == tenant, SPENT.c.id.in_(some)))
                db.execute(sa.insert(SPENT), [{"tenant": tenant, "id": id_, "at": moment(at)} for id_ in some])

    def spent(self, tenant: str, ids: Sequence[str]) -> frozenset[str]:
        found: set[str] = set()
        with self.engine.connect() as db:
            for start in range(0, len(ids), _AT_ONCE):
                mine = (SPENT.c.tenant == tenant, SPENT.c.id.in_(ids[start : start + _AT_ONCE]))
                found |= set(db.execute(sa.select(SPENT.c.id).where(*mine)).scalars())
        return frozenset(found)

    def unqueue(self, tenant: str, user: str) -> tuple[int, frozenset[str]]:
        return unqueued(self.engine, tenant, user)

    def sweep(self, before: datetime) -> None:
        """Forgets fences and keys that nothing can come late for any more. Refusals stay, and so do all receipts."""
        ended = sa.select(ERASURES.c.id).where(ERASURES.c.stage == Stage.ENDED)
        old = (FENCES.c.at < moment(before), FENCES.c.refuse.is_(False), FENCES.c.id.in_(ended))
        with self.engine.begin() as db:
            self._changed(db)
            db.execute(sa.delete(FENCES).where(*old))
            db.execute(sa.delete(SPENT).where(SPENT.c.at < moment(before)))

    def _changed(self, db: sa.Connection) -> None:
        db.execute(sa.update(STATE).values(changes=STATE.c.changes + 1))

    def _turn(self, db: sa.Connection) -> None:
        """One at a time, whatever the database."""
        db.execute(sa.update(STATE).values(one=1))


def _kinds(kinds: frozenset[Kind]) -> str:
    return " ".join(sorted(kinds))


def _raised(row: Any) -> Raised:
    return Raised(
        id=row.id,
        tenant=row.tenant,
        subject=row.subject,
        kinds=frozenset(map(Kind, row.kinds.split())),
        at=datetime.fromisoformat(row.at),
        closed=row.closed,
        refuse=row.refuse,
    )
