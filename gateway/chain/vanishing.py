"""Takes everything of one person out of one backend, and looks whether it is gone. Safe to repeat.

What is told is what was found, not what the backend says that it removed. Knows neither chains nor who asked.
"""

from collections import Counter
from collections.abc import AsyncGenerator, Sequence
from datetime import datetime, timedelta
from typing import Final, cast

import msgspec

from gateway.domain.erasure import KEYED
from gateway.domain.filters import Compare
from gateway.domain.ports import Capabilities, Nearest, Order, Provider, Scan, Where
from gateway.domain.record import KINDS_OF, Family, Kind, Record
from gateway.domain.scope import Reach, Scope

_PAGE: Final = 500
_ROUNDS: Final = 3  # for what is written meanwhile by whoever does not know of the fence
_SAMPLED: Final = 20
_HITS: Final = 50
_AHEAD: Final = timedelta(days=1)  # a record from later than that was dated by somebody, and is as old as any


class Person(msgspec.Struct, frozen=True, kw_only=True):
    """Whose records, in all spaces, with any agent and run. `noted`: also those that belong to no user, and whose
    writers named this one."""

    tenant: str
    user: str
    kinds: frozenset[Kind]
    noted: bool = False

    def places(self, kinds: frozenset[Kind]) -> list[tuple[Reach, Where]]:
        mine = self.kinds & kinds
        found = [(Reach(self.tenant, None, self.user, None, None), Where(mine))]
        if self.noted:
            naming = Compare("eq", self.user, field="user")
            found.append((Reach(self.tenant, None, "", None, None), Where(mine, naming)))
        return found if mine else []


class Until(msgspec.Struct, frozen=True):
    """What was written later belongs to a new life. `now` bounds it: nobody writes in the future."""

    at: datetime
    now: datetime

    def covers(self, record: Record) -> bool:
        return record.updated_at <= self.at or record.updated_at > self.now + _AHEAD


class Vanished(msgspec.Struct, kw_only=True):
    """What there was. `ids` by kind; `sessions` are scopes of messages; `spent` were made under an Idempotency-Key."""

    ids: dict[Kind, set[str]] = {}
    sessions: set[Scope] = set()
    spent: set[str] = set()
    sample: list[Record] = []
    left: dict[str, int] = {}
    wrong: str = ""  # why it is not gone, for all that was tried

    def counts(self) -> dict[str, int]:
        return {kind.value: len(ids) for kind, ids in sorted(self.ids.items()) if ids}


async def vanish(
    provider: Provider, can: Capabilities, person: Person, until: Until | None, *, verify: bool
) -> Vanished:
    """Raises what the provider raises. Without `verify` it believes what it is told."""
    found = Vanished(ids={}, sessions=set(), spent=set(), sample=[], left={})
    places = person.places(can.kinds)
    for reach, where in places:
        for _ in range(_ROUNDS):
            if not await _removed(provider, can, reach, where, until, found) or not verify:
                break
    if verify:
        await _looked(provider, can, places, until, found)
    return found


async def _removed(
    provider: Provider, can: Capabilities, reach: Reach, where: Where, until: Until | None, found: Vanished
) -> int:
    """One round; how many there were."""
    count = 0
    async for records in _pages(provider, reach, where, until, vectors=can.nearest and not found.sample):
        for each in records:
            found.ids.setdefault(each.kind, set()).add(each.id)
            if each.kind in KINDS_OF[Family.MESSAGE]:
                found.sessions.add(each.scope)
            if each.kind in KEYED and each.provenance.fingerprint:
                found.spent.add(each.id)
        found.sample += records[: _SAMPLED - len(found.sample)]
        count += len(records)
        await provider.delete(reach, [each.id for each in records])
    return count


async def _looked(
    provider: Provider,
    can: Capabilities,
    places: Sequence[tuple[Reach, Where]],
    until: Until | None,
    found: Vanished,
) -> None:
    """By going through it all, by id, and by meaning: each must find nothing."""
    left: Counter[str] = Counter()
    for reach, where in places:
        async for records in _pages(provider, reach, where, until):
            left.update(each.kind.value for each in records)
        ids = [each.id for each in found.sample]
        still = [each for each in await provider.get(reach, ids) if each is not None] if ids else []
        if any(_old(each, until) for each in still) and not left:
            found.wrong = "still found by id"
        vector = next((each.vector for each in found.sample if each.vector), None)
        if can.nearest and vector is not None:
            hits = await cast("Nearest", provider).nearest(reach, vector, where, _HITS)
            if any(_old(hit.record, until) for hit in hits) and not left:
                found.wrong = "still found by meaning"
    found.left = dict(left)
    if left:
        found.wrong = "still there after it was deleted"


async def _pages(
    provider: Provider, reach: Reach, where: Where, until: Until | None, *, vectors: bool = False
) -> AsyncGenerator[list[Record]]:
    after = None
    while True:
        page = await provider.scan(
            reach, Scan(where=where, limit=_PAGE, order=Order.OLDEST, after=after, vectors=vectors, bodies=False)
        )
        records = [each for each in page.records if _old(each, until)]
        if records:
            yield records
        if page.next is None:
            return
        after = page.next


def _old(record: Record, until: Until | None) -> bool:
    return until is None or until.covers(record)
