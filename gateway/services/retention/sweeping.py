"""One sweep of a route: what is too old or too much goes, each record into the archive first where the route has one.

A route's rules hold for all that its space keeps in its chain. A dry run finds the same and changes nothing. A sweep
may be cut off anywhere and made again; two at once do no harm. Checkpoints have rules of their own, with each write.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Final, Literal, TypeAlias

import msgspec

from gateway.domain.errors import Conflict
from gateway.domain.filtering import read_filter
from gateway.domain.filters import Compare, Filter
from gateway.domain.ports import Order, Scan, Where
from gateway.domain.record import ASIDE, KINDS_OF, Family, Kind, Record, kinds_kept
from gateway.domain.scope import Reach, Scope
from gateway.runtime.bound import BoundRoute
from gateway.services.retention.archiving import TOGETHER, Gone, put_away
from gateway.services.retention.relieving import relieve, surplus
from gateway.services.sessions.context import piece_of
from gateway.services.sessions.opening import MESSAGES, SESSIONS
from gateway.services.sessions.window import begin
from gateway.services.walking import walk

Why: TypeAlias = Literal["age", "number", "idle", "overflow"]

MEMORIES: Final = frozenset({Kind.MEMORY})
_HISTORY: Final = frozenset({Kind.HISTORY})
_SHOWN: Final = 1_000


class Going(msgspec.Struct, frozen=True, kw_only=True):
    """One memory, or one session with so many records."""

    kind: Kind
    id: str
    user: str
    why: Why
    records: int = 1


class Swept(msgspec.Struct, kw_only=True):
    """What a sweep found, and what became of it; `going` are the first so many."""

    tenant: str
    route: str
    dry: bool
    memories: int = 0
    sessions: int = 0
    messages: int = 0
    gone: Gone = Gone()
    going: list[Going] = []

    def note(self, found: Going) -> None:
        if found.kind in (Kind.MEMORY, Kind.QUARANTINE):
            self.memories += 1
        elif found.why == "idle":
            self.sessions += 1
        else:
            self.messages += found.records
        if len(self.going) < _SHOWN:
            self.going.append(found)


async def sweep(route: BoundRoute, now: datetime, *, dry: bool = False) -> Swept:
    """Raises what the providers raise: what was done until then is done."""
    return await _Sweep(route, now, dry=dry).made()


class _Sweep:
    def __init__(self, route: BoundRoute, now: datetime, *, dry: bool) -> None:
        rules = route.config.layer.retention
        self._route = route
        self._rules = rules
        self._dry = dry
        self._reach = Reach(route.tenant, route.config.layer.space, None, None, None)
        self._only: Filter | None = read_filter(rules.archive_if)
        self._swept = Swept(tenant=route.tenant, route=route.name, dry=dry, going=[])
        self._before = None if rules.max_age_days is None else _back(now, rules.max_age_days)

    async def made(self) -> Swept:
        families = self._route.config.families
        if Family.MEMORY in families:
            if self._before is not None:
                await self._old_memories(self._before)
            if self._rules.max_memories is not None:
                await self._too_many(self._rules.max_memories)
        if self._before is not None and kinds_kept(families) & self._route.capabilities.kinds >= ASIDE:
            await self._old_aside(self._before)
        if Family.MESSAGE in families:
            if self._before is not None:
                await self._old_sessions(self._before)
            if self._route.config.layer.session.limited:
                await self._overflows()
        return self._swept

    async def _old_memories(self, before: datetime) -> None:
        some: list[Record] = []
        found = walk(self._route.provider, self._reach, Where(MEMORIES, _older(before)), order=Order.OLDEST)
        async for record in found:
            some.append(record)
            if len(some) == TOGETHER:
                await self._memories(some, "age")
                some = []
        await self._memories(some, "age")

    async def _old_aside(self, before: datetime) -> None:
        """What hooks have kept aside ends with all else."""
        some: list[Record] = []
        async for record in walk(self._route.provider, self._reach, Where(ASIDE, _older(before)), order=Order.OLDEST):
            self._swept.note(Going(kind=record.kind, id=record.id, user=_user(record), why="age"))
            some.append(record)
            if len(some) == TOGETHER:
                await self._away(some)
                some = []
        await self._away(some)

    async def _too_many(self, most: int) -> None:
        """Newest first, so that of each owner only what is beyond the number need be remembered."""
        held: dict[Scope, list[tuple[datetime, str]]] = {}
        count: dict[Scope, int] = {}
        beyond: dict[Scope, list[str]] = {}
        found = walk(self._route.provider, self._reach, Where(MEMORIES), bodies=False)
        async for record in found:
            count[record.scope] = count.get(record.scope, 0) + 1
            if self._rules.keep == "changed":
                held.setdefault(record.scope, []).append((record.updated_at, record.id))
            elif count[record.scope] > most:
                beyond.setdefault(record.scope, []).append(record.id)
        for scope, places in held.items():
            if len(places) > most:
                beyond[scope] = [id_ for _, id_ in sorted(places, reverse=True)[most:]]
        for scope, ids in beyond.items():
            for part in _portions(ids):
                there = await self._route.provider.get(Reach.only(scope), part)
                await self._memories([record for record in there if record is not None], "number")

    async def _memories(self, records: Sequence[Record], why: Why) -> None:
        for record in records:
            self._swept.note(Going(kind=Kind.MEMORY, id=record.id, user=_user(record), why=why))
        if self._dry or not records:
            return
        await self._away(records)
        if self._route.config.layer.history != "full" and self._rules_delete():
            gone = await self._route.provider.get(self._reach, [record.id for record in records])
            left = {record.id for record in gone if record is not None}
            await self._forget_past([record.id for record in records if record.id not in left])

    async def _forget_past(self, ids: Sequence[str]) -> None:
        for part in _portions(ids):
            where = Where(_HISTORY, Compare("in", list(part), path=("memory_id",)))
            page = await self._route.provider.scan(self._reach, Scan(where=where, limit=1000, bodies=False))
            if page.records:
                await self._route.provider.delete(self._reach, [record.id for record in page.records])

    async def _old_sessions(self, before: datetime) -> None:
        """What began later holds nothing that old. Of the others, the idle go whole, and of the rest what is too old."""
        async for session in walk(self._route.provider, self._reach, Where(SESSIONS), order=Order.OLDEST):
            if session.created_at >= before:
                return
            reach = Reach.only(session.scope)
            if await self._idle(reach, before):
                kinds = Where(kinds_kept([Family.MESSAGE]) & self._route.capabilities.kinds)
                records = [record async for record in walk(self._route.provider, reach, kinds, order=Order.OLDEST)]
                self._note_session(session, "idle", len(records))
                # Its own record last: a sweep that is cut off finds the session again.
                await self._away(sorted(records, key=lambda record: record.kind is Kind.SESSION))
            else:
                await self._old_messages(session, before)

    async def _idle(self, reach: Reach, before: datetime) -> bool:
        kinds = KINDS_OF[Family.MESSAGE] - {Kind.SUMMARY}
        scan = Scan(where=Where(kinds, Compare("gte", before, field="updated_at")), limit=1, bodies=False)
        while True:
            page = await self._route.provider.scan(reach, scan)
            if page.records or page.next is None:
                return not page.records
            scan = msgspec.structs.replace(scan, after=page.next)

    async def _old_messages(self, session: Record, before: datetime) -> None:
        reach = Reach.only(session.scope)
        messages = [message async for message in walk(self._route.provider, reach, Where(MESSAGES), order=Order.OLDEST)]
        young = (place for place, message in enumerate(messages) if message.updated_at >= before)
        first = next(young, len(messages))
        if first == 0:
            return
        if first < len(messages):  # the answers of a call go with it
            first = begin([piece_of(self._route, message) for message in messages], first)
        going = messages[:first]
        if going:
            self._note_session(session, "age", len(going))
            await self._away(going)

    async def _overflows(self) -> None:
        async for session in walk(self._route.provider, self._reach, Where(SESSIONS), order=Order.OLDEST, bodies=False):
            going = await surplus(self._route, session.scope)
            if not going:
                continue
            self._note_session(session, "overflow", len(going))
            if not self._dry:
                try:
                    self._swept.gone += await relieve(self._route, session.scope)
                except Conflict:
                    continue  # somebody else is at it

    async def _away(self, records: Sequence[Record]) -> None:
        if not self._dry:
            self._swept.gone += await put_away(self._route, records, self._only, delete=self._rules_delete())

    def _rules_delete(self) -> bool:
        return self._rules.delete_after_archive or self._route.archive is None

    def _note_session(self, session: Record, why: Why, records: int) -> None:
        self._swept.note(Going(kind=Kind.SESSION, id=session.scope.run, user=_user(session), why=why, records=records))


def _older(before: datetime) -> Filter:
    return Compare("lt", before, field="updated_at")


def _back(now: datetime, days: float) -> datetime:
    return now - timedelta(days=days)


def _user(record: Record) -> str:
    return record.scope.user or record.provenance.user


def _portions(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    return (ids[start : start + TOGETHER] for start in range(0, len(ids), TOGETHER))
