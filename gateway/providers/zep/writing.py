"""Writes: only newer versions, one owner for an id, old versions and removed records really gone.

Zep has no conditional write. In one process, locks by id decide; between processes each writer looks again after it has
written, and all see the same one win (`writes_of`); who has lost takes its own back.
"""

from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import TYPE_CHECKING, Final, TypeAlias

from gateway.domain.errors import GatewayError, Unavailable
from gateway.domain.record import Kind, Record
from gateway.domain.scope import Reach, Scope
from gateway.providers.winnowing import lives
from gateway.providers.zep.calls import gathered
from gateway.providers.zep.faults import Gone
from gateway.providers.zep.known import Known
from gateway.providers.zep.ledger import Ledger
from gateway.providers.zep.locks import Locks, of_record, of_session
from gateway.providers.zep.owners import LEARNED, Owners, Shelf, owner_of
from gateway.providers.zep.parts import Stored, Write, token_of, writes_of
from gateway.providers.zep.threads import Threads

if TYPE_CHECKING:
    from zep_cloud import Task

Look: TypeAlias = Callable[[Reach, Sequence[str]], Awaitable[Sequence[Record | None]]]

_ATTEMPTS: Final = 3


class Writing:
    def __init__(self, owners: Owners, ledger: Ledger, threads: Threads, known: Known, name: str) -> None:
        self._owners = owners
        self._ledger = ledger
        self._threads = threads
        self._known = known
        self._name = name
        self._locks = Locks()

    async def put(self, records: Sequence[Record], now: datetime, look: Look) -> tuple[list[bool], list["Task | None"]]:
        """What was stored, and what Zep still has to do about it."""
        keys = [of_record(each.scope.tenant, each.id) for each in records]
        keys += [of_session(each.scope.key()) for each in records if each.kind is Kind.MESSAGE]
        async with self._locks.held(keys):
            refused = await self._elsewhere(records, look)
            shelves: dict[tuple[Scope, bool], dict[int, Record]] = defaultdict(dict)
            for n, record in enumerate(records):
                if n not in refused:
                    shelves[owner_of(record.scope), record.kind in LEARNED][n] = record
            answers = [False] * len(records)
            tasks: list[Task | None] = []
            for stored, pending in await gathered(
                self._put(owner, learned, some, now) for (owner, learned), some in shelves.items()
            ):
                tasks += pending
                for n in stored:
                    answers[n] = True
                    self._known.note(records[n])
        return answers, tasks

    async def _elsewhere(self, records: Sequence[Record], look: Look) -> set[int]:
        """Those whose id belongs to another scope: of an earlier record of the batch, or of one that is still there."""
        refused: set[int] = set()
        first: dict[tuple[str, str], Scope] = {}
        others: dict[Scope, dict[int, str]] = defaultdict(dict)
        for n, record in enumerate(records):
            if first.setdefault((record.scope.tenant, record.id), record.scope) != record.scope:
                refused.add(n)
                continue
            other = self._known.elsewhere(record)
            if other is not None:
                others[other][n] = record.id
        for scope, ids in others.items():
            there = await look(Reach.only(scope), list(ids.values()))
            refused |= {n for n, record in zip(ids, there, strict=True) if record is not None}
        return refused

    async def _put(
        self, owner: Scope, learned: bool, records: Mapping[int, Record], now: datetime
    ) -> tuple[list[int], list["Task | None"]]:
        shelf = await self._owners.made(owner, learned=learned)
        held = await self._ledger.read(shelf, ids=[each.id for each in records.values()])
        there = {id_: write.record() for id_, write in writes_of(held).items()}
        stored: list[int] = []
        chosen: dict[str, Record] = {}
        for n, record in records.items():
            before = chosen.get(record.id) or there.get(record.id)
            if before is not None and lives(before, now) and not _follows(record, before):
                continue
            stored.append(n)
            chosen[record.id] = record
        if not chosen:
            return [], []
        # What has expired would otherwise win against a lower version.
        expired = [part.uuid for part in held if part.id in chosen and not _lives(there.get(part.id), now)]
        if expired:
            await self._ledger.remove(shelf, expired, wait=True)
        lost, tasks = await self._added(shelf, chosen)
        old = [part.uuid for part in held if part.id in chosen and part.id not in lost and part.uuid not in expired]
        if old:
            # The new version counts already; what is left of the old goes with the next write or delete of the record.
            with suppress(GatewayError):
                await self._ledger.remove(shelf, old, wait=False)
        return [n for n in stored if records[n].id not in lost], tasks

    async def _added(self, shelf: Shelf, chosen: Mapping[str, Record]) -> tuple[set[str], list["Task | None"]]:
        """Add until all are seen; the ids for which somebody else was first, and what Zep has to do."""
        missing, lost = dict(chosen), set[str]()
        tasks: list[Task | None] = []
        for attempt in range(_ATTEMPTS):
            try:
                # A key that Zep remembers from before the record was deleted answers without storing: then without.
                tasks += await self._add(shelf, list(missing.values()), keyed=attempt == 0)
            except Gone:
                self._owners.forget(shelf)
                shelf = await self._owners.made(shelf.owner, learned=shelf.learned)
                continue
            parts = await self._ledger.read(shelf, ids=list(missing))
            won = writes_of(parts)
            beaten = {
                id_: write for id_, write in won.items() if id_ in missing and not _is(write, missing[id_])
                and write.version >= missing[id_].version
            }  # fmt: skip
            if beaten:
                ours = [part.uuid for part in parts if part.id in beaten and _wrote(part, missing[part.id])]
                await self._ledger.remove(shelf, ours, wait=False)
            lost |= beaten.keys()
            missing = {
                id_: record for id_, record in missing.items()
                if id_ not in beaten and not (id_ in won and _is(won[id_], record))
            }  # fmt: skip
            if not missing:
                return lost, tasks
        raise Unavailable(f"{self._name}: Zep does not show what it has accepted", code="zep_not_shown")

    async def _add(self, shelf: Shelf, records: Sequence[Record], *, keyed: bool) -> list["Task | None"]:
        sessions: dict[Scope, list[Record]] = defaultdict(list)
        for record in records:
            if record.kind is Kind.MESSAGE:
                sessions[record.scope].append(record)
        works = [self._say(shelf, scope, some, keyed=keyed) for scope, some in sessions.items()]
        episodes = [record for record in records if record.kind is not Kind.MESSAGE]
        works.append(self._ledger.add_episodes(shelf, episodes, keyed=keyed))
        return [task for some in await gathered(works) for task in some]

    async def _say(self, shelf: Shelf, scope: Scope, records: Sequence[Record], *, keyed: bool) -> list["Task | None"]:
        thread = await self._threads.made(shelf, scope)
        try:
            return await self._ledger.add_messages(thread, records, keyed=keyed)
        except Gone:
            self._threads.forget(scope)
            raise

    async def delete(self, reach: Reach, ids: Sequence[str], now: datetime) -> int:
        async with self._locks.held([of_record(reach.tenant, id_) for id_ in ids]):
            shelves = await self._owners.shelves(reach, learned=True, books=True)
            found = await gathered(self._delete(shelf, reach, ids, now) for shelf in shelves)
        return len({id_ for some in found for id_ in some})

    async def _delete(self, shelf: Shelf, reach: Reach, ids: Sequence[str], now: datetime) -> set[str]:
        held = await self._ledger.read(shelf, ids=ids)
        covered = {
            id_: record for id_, write in writes_of(held).items() if reach.covers((record := write.record()).scope)
        }
        exact = reach.exact()
        scopes = {record.scope.key().hex(): record.scope for record in covered.values()}
        if exact is not None:
            scopes[exact.key().hex()] = exact  # parts of a write that was broken off tell no more than this
        doomed = [part for part in held if part.scope in scopes]
        if doomed:
            await self._remove(shelf, doomed, scopes)
        return {id_ for id_, record in covered.items() if lives(record, now)}

    async def _remove(self, shelf: Shelf, doomed: Sequence[Stored], scopes: Mapping[str, Scope]) -> None:
        await self._ledger.remove(shelf, [part.uuid for part in doomed], wait=True)
        removed = {part.id for part in doomed}
        for key, thread in {(part.scope, part.thread) for part in doomed if part.thread}:
            scope = scopes[key]
            async with self._locks.held([of_session(scope.key())]):
                if await self._ledger.message(shelf, scope.key(), thread) is None:
                    await self._threads.end(scope, thread, removed)

    async def sweep(self, limit: int, now: datetime) -> int:
        removed = 0
        async for shelf in self._owners.every():
            due = writes_of(await self._ledger.read(shelf, expired=now))
            for record in [write.record() for write in due.values()]:
                if removed >= limit:
                    return removed
                async with self._locks.held([of_record(record.scope.tenant, record.id)]):
                    # A later version may have been given more time since.
                    held = await self._ledger.read(shelf, ids=[record.id])
                    newest = writes_of(held).get(record.id)
                    if newest is None or lives(newest.record(), now):
                        continue
                    scopes = {record.scope.key().hex(): record.scope}
                    await self._remove(shelf, [part for part in held if part.scope in scopes], scopes)
                    removed += 1
        return removed


def _lives(record: Record | None, now: datetime) -> bool:
    return record is None or lives(record, now)


def _follows(record: Record, before: Record) -> bool:
    return record.scope == before.scope and record.version > before.version


def _wrote(part: Stored, record: Record) -> bool:
    return part.metadata.get("write") == token_of(record)


def _is(write: Write, record: Record) -> bool:
    return write.version == record.version and _wrote(write.parts[0], record)
