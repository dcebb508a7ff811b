"""Records and their places in one table: what is put, read, removed and walked through.

A record and its place change in one transaction, on the condition that the place is still what it was when it was
read: so of racing writers one wins each version, and nobody takes an id from another scope. Where records stand and what
is written beside them is the layout's (`Stands`). Knows no names of users beyond the places.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime
from typing import Final, Protocol

from gateway.domain.errors import Conflict
from gateway.domain.ports import Order, Page, Scan, Where
from gateway.domain.record import Kind, Record
from gateway.domain.scope import Reach, Scope
from gateway.providers.dynamodb import forms
from gateway.providers.dynamodb.drafts import drafted, removed_together, together
from gateway.providers.dynamodb.forms import DOCUMENT, PLACE, VECTOR, Packed, packed, place_in, unpacked
from gateway.providers.dynamodb.hashed import HashTable
from gateway.providers.dynamodb.keys import Key, Place, moment, place_key, places_of, record_key, records_of
from gateway.providers.dynamodb.ordering import follows, merged, ordered
from gateway.providers.dynamodb.table import Item, Table
from gateway.providers.winnowing import lives, winnowed

_ATTEMPTS: Final = 60
_PAUSE: Final = 0.005
_FETCHED: Final = 100


class Stands(Protocol):
    """Where the item of a record stands, and what others read in it (with its size in bytes)."""

    def key(self, record: Record) -> Key: ...

    def beside(self, record: Record) -> tuple[Item, int]: ...


class Plain:
    """Our own layout: by the hash of the scope, with nothing beside."""

    def key(self, record: Record) -> Key:
        return record_key(record)

    def beside(self, record: Record) -> tuple[Item, int]:
        return {}, 0


class Own:
    def __init__(self, table: Table | HashTable, stands: Stands) -> None:
        self._table = table
        self._stands = stands

    async def put(self, records: Sequence[Record], now: datetime, *, over: bool = False) -> list[bool]:
        """Atomic for as many as fit into one transaction; what comes later is written after it. With `over`, only in the
        place of what lives."""
        prepared = [self._packed(record) for record in records]
        answers: dict[int, bool] = {}
        left: list[int] = list(range(len(records)))
        for attempt in range(_ATTEMPTS):
            seen = await self._seen([place_key(records[each].scope.tenant, records[each].id) for each in left])
            drafts = drafted(records, prepared, left, seen, now, over=over)
            lost: list[int] = []
            for group in together(drafts, self._table.room):
                if not await self._table.change([each for draft in group for each in draft.changes()]):
                    lost += [number for draft in group for number in draft.answers]
            for draft in drafts:
                answers |= {number: said for number, said in draft.answers.items() if number not in lost}
            if not lost:
                return [answers[number] for number in range(len(records))]
            left = sorted(lost)
            await asyncio.sleep(_PAUSE * min(attempt, 10))
        raise Conflict("too many others change the same records; try again", code="contended")

    async def get(self, reach: Reach, ids: Sequence[str], now: datetime) -> dict[str, Record]:
        found: dict[str, Record] = {}
        moved: dict[str, Place] = {}
        left: Sequence[str] = list(dict.fromkeys(ids))
        for _ in range(_ATTEMPTS):
            places = await self.places(reach.tenant, left)
            there = {
                id_: place for id_, (_, place) in places.items() if reach.covers(place.scope()) and place.lives(now)
            }
            # Between its place and the record itself a record may have moved; one that has not is gone by its ttl.
            wanted = {id_: place for id_, place in there.items() if moved.get(id_) != place}
            records = await self.fetch([place.key() for place in wanted.values()], vectors=True)
            for id_, place in wanted.items():
                record = records.get(place.key())
                if record is None:
                    moved[id_] = place
                elif record.id == id_ and reach.covers(record.scope) and lives(record, now):
                    found[id_] = record
            left = [id_ for id_ in wanted if wanted[id_].key() not in records]
            if not left:
                break
        return found

    async def delete(self, reach: Reach, ids: Sequence[str], now: datetime) -> int:
        deleted = 0
        left: Sequence[str] = list(dict.fromkeys(ids))
        for attempt in range(_ATTEMPTS):
            places = await self.places(reach.tenant, left)
            due = [old for old in places.values() if reach.covers(old[1].scope())]
            left = []
            removals = [(old[1], forms.removal(place_key(reach.tenant, old[1].id), old)) for old in due]
            for group in removed_together(removals, self._table.room):
                if await self._table.change([each for _, changes in group for each in changes]):
                    deleted += sum(place.lives(now) for place, _ in group)
                else:
                    left += [place.id for place, _ in group]
            if not left:
                return deleted
            await asyncio.sleep(_PAUSE * min(attempt, 10))
        raise Conflict("too many others change the same records; try again", code="contended")

    async def scan(self, reach: Reach, scan: Scan, now: datetime) -> Page:
        scope = reach.exact()
        candidates = self.wide(reach, scan, now) if scope is None else self.within(scope, scan)
        return await winnowed(candidates, reach, scan, now)

    async def ping(self) -> None:
        await self._table.get([place_key("", "")], [PLACE])

    async def within(self, scope: Scope, scan: Scan) -> AsyncIterator[Sequence[Record]]:
        """Candidates of one scope in order, merged of its kinds."""
        kinds = sorted(scan.where.kinds)
        if len(kinds) == 1:
            async for records in self.of_kind(scope, kinds[0], scan):
                yield records
            return
        async for records in merged([self.of_kind(scope, kind, scan) for kind in kinds], scan.order):
            yield records

    async def of_kind(self, scope: Scope, kind: Kind, scan: Scan) -> AsyncIterator[Sequence[Record]]:
        newest = scan.order is Order.NEWEST
        between = (f"{kind}#", f"{kind}$")  # "$" comes right after "#"
        after = scan.after
        if after is not None:
            edge = f"{kind}#{moment(after.created_at)}#{after.id}"
            between = (between[0], edge) if newest else (edge, between[1])
        names = shown(vectors=scan.vectors)
        first = scan.limit + 2  # one more to know that there are more, and the one at the edge
        async for items in self._table.walk(records_of(scope), names, between=between, newest=newest, first=first):
            records = [each for each in await self.unpack(items) if each is not None]
            yield [each for each in records if follows(each, after, scan.order)]

    async def wide(self, reach: Reach, scan: Scan, now: datetime) -> AsyncIterator[Sequence[Record]]:
        """Candidates of many scopes: all places of the tenant are looked at, then the records in order."""
        places = await self.tenant(reach, scan.where, now)
        due = ordered((place for place in places if follows(place, scan.after, scan.order)), scan.order)
        for start in range(0, len(due), _FETCHED):
            some = due[start : start + _FETCHED]
            records = await self.fetch([place.key() for place in some], vectors=scan.vectors)
            yield [records[place.key()] for place in some if place.key() in records]

    async def tenant(self, reach: Reach, where: Where, now: datetime) -> list[Place]:
        found: list[Place] = []
        async for items in self._table.walk(places_of(reach.tenant), [PLACE]):
            for item in items:
                _, place = place_in(item)
                if place.kind in where.kinds and reach.covers(place.scope()) and place.lives(now):
                    found.append(place)
        return found

    async def places(self, tenant: str, ids: Sequence[str]) -> dict[str, tuple[str, Place]]:
        at = {place_key(tenant, id_): id_ for id_ in ids}
        return {at[key]: seen for key, seen in (await self._seen(list(at))).items()}

    async def _seen(self, keys: Sequence[Key]) -> dict[Key, tuple[str, Place]]:
        found = await self._table.get(keys, [PLACE]) if keys else {}
        return {key: place_in(item) for key, item in found.items()}

    async def fetch(self, wanted: Sequence[Key], *, vectors: bool) -> dict[Key, Record]:
        items = await self._table.get(wanted, shown(vectors=vectors)) if wanted else {}
        records = await self.unpack(list(items.values()))
        return {key: record for key, record in zip(items, records, strict=True) if record is not None}

    async def unpack(self, items: Sequence[Item]) -> list[Record | None]:
        further = [key for item in items for key in forms.parts_of(item)]
        parts: Mapping[Key, Item] = await self._table.get(further) if further else {}
        return [unpacked(item, parts) for item in items]

    def _packed(self, record: Record) -> Packed:
        beside, size = self._stands.beside(record)
        return packed(record, self._stands.key(record), beside, size)


def shown(*, vectors: bool) -> list[str]:
    """The attributes that make a record."""
    return [DOCUMENT, PLACE, VECTOR] if vectors else [DOCUMENT, PLACE]
