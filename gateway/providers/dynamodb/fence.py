"""A table that Fence's agents use, read and written as they do, beside records of ours that they never meet.

Messages and system prompts stand where Fence looks for them, in its form; places, session records, summaries and long
messages stand in partitions that no agent of it has. What Fence wrote is a record whose id says where it stands; its
many system rows are one record, the newest. Reaches over many scopes read the whole table.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from gateway.domain.ids import slot_id
from gateway.domain.ports import Order, Page, Scan, Where
from gateway.domain.record import Kind, Record
from gateway.domain.scope import Reach, Scope
from gateway.providers.dynamodb import fence_items
from gateway.providers.dynamodb.fence_keys import FenceKeys, foreign_key
from gateway.providers.dynamodb.forms import DOCUMENT, PLACE
from gateway.providers.dynamodb.keys import Key, record_key
from gateway.providers.dynamodb.ordering import follows, merged, ordered, rank
from gateway.providers.dynamodb.own import Own
from gateway.providers.dynamodb.table import Item, Table
from gateway.providers.winnowing import lives, winnowed

_STANDING = frozenset({Kind.MESSAGE, Kind.SYSTEM})
_LAST = "\U0010ffff"


class FenceStands:
    """Messages and system prompts where Fence looks for them, with what it reads beside."""

    def __init__(self, keys: FenceKeys, source: str | None, extra: Mapping[str, Any]) -> None:
        self._keys = keys
        self._source = source
        self._extra = extra

    def key(self, record: Record) -> Key:
        self._keys.begin(record.scope)
        return self._keys.key(record) if record.kind in _STANDING else record_key(record)

    def beside(self, record: Record) -> tuple[Item, int]:
        return fence_items.beside(record, self._source, self._extra) if record.kind in _STANDING else ({}, 0)


class Fence:
    def __init__(self, table: Table, keys: FenceKeys, own: Own) -> None:
        self._table = table
        self._keys = keys
        self._own = own
        self._key_names = frozenset(table.keys())

    async def put(self, records: Sequence[Record], now: datetime) -> list[bool]:
        """What Fence wrote counts as version 1."""
        there = await self._table.get([key for each in records if (key := foreign_key(each.id)) is not None])
        first = {key for key, item in there.items() if not _is_ours(item)}
        stale = [each.version <= 1 and foreign_key(each.id) in first for each in records]
        stored = iter(await self._own.put([each for each, old in zip(records, stale, strict=True) if not old], now))
        return [not old and next(stored) for old in stale]

    async def get(self, reach: Reach, ids: Sequence[str], now: datetime) -> dict[str, Record]:
        found = await self._own.get(reach, ids, now)
        scope = reach.exact()
        if scope is not None and (slot := slot_id(scope, Kind.SYSTEM.value)) in ids:
            system = await self._system(scope, now)
            if system is not None:
                found[slot] = system
        keys = [key for id_ in ids if id_ not in found and (key := foreign_key(id_)) is not None]
        for key, item in (await self._table.get(keys)).items():
            record = None if _is_ours(item) else self._foreign(key, item)
            if record is not None and reach.covers(record.scope):
                found[record.id] = record
        return found

    async def delete(self, reach: Reach, ids: Sequence[str], now: datetime) -> int:
        """The system prompt goes with every row of it."""
        deleted = 0
        scope = reach.exact()
        if scope is not None and (slot := slot_id(scope, Kind.SYSTEM.value)) in ids:
            deleted += await self._system(scope, now) is not None
            await self._own.delete(reach, [slot], now)
            async for rows in self._rows(scope, newest=True):
                await self._remove([key for key, item in rows.items() if _is_system(item)])
            ids = [id_ for id_ in ids if id_ != slot]
        deleted += await self._own.delete(reach, ids, now)
        keys = [key for id_ in dict.fromkeys(ids) if (key := foreign_key(id_)) is not None]
        there = await self._table.get(keys)
        mine = [key for key in there if (owner := self._keys.scope(key)) is not None and reach.covers(owner)]
        return deleted + await self._remove(mine)

    async def scan(self, reach: Reach, scan: Scan, now: datetime) -> Page:
        scope = reach.exact()
        if scope is None:
            return await winnowed(self._wide(reach, scan, now), reach, scan, now)
        if self._keys.of(scope) is None:
            return Page(())
        walks: list[AsyncIterator[Sequence[Record]]] = []
        for kind in sorted(scan.where.kinds):
            if kind is Kind.MESSAGE:
                walks.append(self._messages(scope, scan))
            elif kind is Kind.SYSTEM:
                walks.append(self._systems(scope, scan, now))
            else:
                walks.append(self._own.of_kind(scope, kind, scan))
        return await winnowed(merged(walks, scan.order), reach, scan, now)

    async def ping(self) -> None:
        await self._own.ping()

    async def _messages(self, scope: Scope, scan: Scan) -> AsyncIterator[Sequence[Record]]:
        newest = scan.order is Order.NEWEST
        edge = scan.after.created_at.isoformat(timespec="seconds")[:19] if scan.after is not None else ""
        async for rows in self._rows(scope, newest=newest, edge=edge, first=scan.limit + 2):
            records = await self._read({key: item for key, item in rows.items() if not _is_system(item)}, scope)
            yield [each for each in records if follows(each, scan.after, scan.order)]

    async def _systems(self, scope: Scope, scan: Scan, now: datetime) -> AsyncIterator[Sequence[Record]]:
        found = await self._system(scope, now)
        if found is not None and follows(found, scan.after, scan.order):
            yield [found]

    async def _system(self, scope: Scope, now: datetime) -> Record | None:
        """The newest system row that lives. One of Fence's counts as the version after the last that was ours."""
        async for rows in self._rows(scope, newest=True):
            for key, item in rows.items():
                found = await self._read({key: item}, scope) if _is_system(item) else []
                if found and lives(found[0], now):
                    return found[0] if _is_ours(item) else await self._numbered(found[0])
        return None

    async def _numbered(self, record: Record) -> Record:
        place = (await self._own.places(record.scope.tenant, [record.id])).get(record.id)
        return record if place is None else msgspec.structs.replace(record, version=place[1].version + 1)

    async def _rows(
        self, scope: Scope, *, newest: bool, edge: str = "", first: int = 100
    ) -> AsyncIterator[dict[Key, Item]]:
        """What stands in a session, in order, from `edge` on."""
        begin = self._keys.of(scope)
        if begin is None:
            return
        between = (begin.sort, begin.sort + edge + _LAST) if newest else (begin.sort + edge, begin.sort + _LAST)
        async for items in self._table.walk(begin.partition, between=between, newest=newest, first=first):
            rows = {self._table.key_of(item): item for item in items}
            # A longer session id may begin as this one does.
            yield {key: item for key, item in rows.items() if self._keys.scope(key) == scope}

    async def _read(self, rows: Mapping[Key, Item], scope: Scope) -> list[Record]:
        ours = {key: item for key, item in rows.items() if _is_ours(item)}
        unpacked = await self._own.unpack(list(ours.values()))
        known = dict(zip(ours, unpacked, strict=True))
        found = [known[key] if key in ours else self._foreign(key, item) for key, item in rows.items()]
        return [record for record in found if record is not None and record.scope == scope]

    def _foreign(self, key: Key, item: Item) -> Record | None:
        scope = self._keys.scope(key)
        return fence_items.foreign(key, item, scope, self._key_names) if scope is not None else None

    async def _remove(self, keys: Sequence[Key]) -> int:
        """Rows of Fence's; one that is ours by now stays."""
        return sum([await self._table.remove(key, (DOCUMENT, PLACE)) for key in keys])

    async def _wide(self, reach: Reach, scan: Scan, now: datetime) -> AsyncIterator[Sequence[Record]]:
        """Both kinds of rows as one, each session with the newer one of its system prompts."""
        systems: dict[Scope, Record] = {}
        foreign: list[Record] = []
        async for items in self._table.everything():
            for item in items:
                record = self._foreign(self._table.key_of(item), item) if not _is_ours(item) else None
                if record is None or not reach.covers(record.scope):
                    continue
                if record.kind is Kind.MESSAGE:
                    foreign.append(record)
                else:
                    systems[record.scope] = max(record, systems.get(record.scope, record), key=rank)
        for place in await self._own.tenant(reach, Where(frozenset({Kind.SYSTEM})), now):
            there = systems.get(place.scope())
            if there is not None and place.created_at >= there.created_at:
                del systems[place.scope()]
        foreign += [await self._numbered(each) for each in systems.values()]

        async def theirs() -> AsyncIterator[Sequence[Record]]:
            yield ordered((each for each in foreign if follows(each, scan.after, scan.order)), scan.order)

        async def ours() -> AsyncIterator[Sequence[Record]]:
            async for records in self._own.wide(reach, scan, now):
                yield [each for each in records if each.kind is not Kind.SYSTEM or each.scope not in systems]

        async for records in merged([ours(), theirs()], scan.order):
            yield records


def _is_ours(item: Item) -> bool:
    return DOCUMENT in item or PLACE in item


def _is_system(item: Item) -> bool:
    return item.get(fence_items.ROLE) == {"S": fence_items.SYSTEM}
