"""Rotation: new keys, old rows and records brought to them, and old keys taken out of use when nothing needs them.

Nothing is ever unreadable in between: a key opens until it is retired, and it is retired only when nothing is left that
it sealed. Every part may be killed and run again: what is done is passed over. Knows no chain: it is handed the lots
of records that there are.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Sequence
from typing import Final

import msgspec

from gateway.domain.errors import Conflict
from gateway.domain.ports import Order, Provider, Scan, Where
from gateway.domain.record import Record
from gateway.domain.scope import Reach
from gateway.domain.sealing import Standing
from gateway.runtime.locksmith import Lot
from gateway.sealing.ring import Ring
from gateway.sealing.rows import Row, Sort
from gateway.services.moving.paging import patiently
from gateway.services.replacing import replaced

_PAGE: Final = 200
_ATTEMPTS: Final = 5

Tell = Callable[[int, int], None]  # records read, records sealed anew


class Rewrapped(msgspec.Struct, frozen=True, kw_only=True):
    """`gone` could not be opened because their key is shredded."""

    read: int = 0
    sealed: int = 0
    gone: int = 0


async def rotate_root(ring: Ring) -> int:
    """Wraps what other roots wrapped by the keyring's own; how many keys that were."""
    done = 0
    changed: set[str] = set()
    async for row in ring.safe.tenants():
        if row.sort is Sort.TENANT and row.standing is Standing.OPENS and row.under != ring.safe.root.id:
            above = await ring.safe.tenant_keys(row.tenant)
            done += await ring.safe.rewrapped(row, above)
            changed.add(row.tenant)
    for tenant in changed:
        await ring.changed(tenant)
    return done


async def roots_in_use(ring: Ring) -> Counter[str]:
    """How many live keys each root has wrapped."""
    found: Counter[str] = Counter()
    async for row in ring.safe.tenants():
        if row.sort is Sort.TENANT and row.standing is Standing.OPENS:
            found[row.under] += 1
    return found


async def rotate_tenant(ring: Ring, tenant: str) -> int:
    """A new key for a tenant, and the keys of all its subjects wrapped by it; how many."""
    await ring.safe.make_tenant_key(tenant, await ring.safe.of_tenant(tenant))
    await ring.changed(tenant)
    done = await rewrap_subjects(ring, tenant)
    await ring.changed(tenant)
    return done


async def rewrap_subjects(ring: Ring, tenant: str) -> int:
    """Wraps what older keys of the tenant wrapped by the newest one."""
    above, done = await ring.safe.tenant_keys(tenant), 0
    for row in [row for row in await ring.safe.of_tenant(tenant) if row.sort is Sort.VECTOR]:
        done += await _rewrapped(ring, row, above.current)
    async for row in ring.safe.of_subjects(tenant):
        done += await _rewrapped(ring, row, above.current)
    return done


async def _rewrapped(ring: Ring, row: Row, newest: str) -> bool:
    if row.standing is not Standing.OPENS or row.under == newest:
        return False
    return await ring.safe.rewrapped(row, await ring.safe.tenant_keys(row.tenant))


async def rotate_subject(ring: Ring, tenant: str, user: str) -> str:
    """A new key for one subject, which seals from now on; its id."""
    for _ in range(_ATTEMPTS):
        rows = await ring.safe.of_subject(tenant, user)
        made = await ring.safe.make(Sort.SUBJECT, tenant, user, rows, await ring.safe.tenant_keys(tenant))
        if made is not None:
            await ring.changed(tenant)
            return made[0].id
    raise Conflict("the keys are changed by too many at once; try again", code="contended")


async def users_of(ring: Ring, tenant: str) -> list[str]:
    """All that have a live key."""
    return sorted({row.user async for row in ring.safe.of_subjects(tenant) if row.standing is Standing.OPENS})


async def rewrap(lot: Lot, tell: Tell) -> Rewrapped:
    """Seals every record anew that is not sealed in all its parts by the newest key of its subject.

    A record gets its next version, the same in every keeper that has it. One that somebody changes meanwhile was sealed
    by them; one that somebody deletes stays deleted, whenever that is, where the keeper is a Replaces. Elsewhere it is
    looked up right before it is written.
    """
    done = Rewrapped()
    for name, provider in lot.keepers.items():
        async for page in _pages(lot, provider):
            sealed, gone = await _brought(lot, name, await lot.wrapping.worn(page))
            done = Rewrapped(read=done.read + len(page), sealed=done.sealed + sealed, gone=done.gone + gone)
            tell(done.read, done.sealed)
    return done


async def in_use(lot: Lot) -> Counter[tuple[str, str]]:
    """By user and key, how many records and copies a key of theirs has sealed, in all keepers."""
    found: Counter[tuple[str, str]] = Counter()
    for provider in lot.keepers.values():
        async for page in _pages(lot, provider):
            for record, keys in zip(page, await lot.wrapping.keys(page), strict=True):
                found.update((record.scope.user, key) for key in keys)
    return found


async def retire(ring: Ring, lots: Sequence[Lot], tenant: str, wait: float) -> tuple[list[Row], Counter[str]]:
    """Takes out of use every key of the tenant that is not the newest: those that were, and what still needs them.

    Nothing is taken out of use while anything needs any of them. Counted twice, `wait` seconds apart: by the second
    time no worker seals with an old key, and no cache holds what one has sealed.
    """
    needed: Counter[str] = Counter()
    for attempt in range(2):
        needed = await _needed(ring, lots, tenant)
        if needed:
            return [], needed
        if not attempt:
            await asyncio.sleep(wait)
    ended = [row for row in await _old(ring, tenant) if await ring.safe.end(row, Standing.RETIRED)]
    await ring.changed(tenant)
    return ended, needed


async def _needed(ring: Ring, lots: Sequence[Lot], tenant: str) -> Counter[str]:
    """What each old key is still needed for: records, or keys of subjects."""
    old = {row.id for row in await _old(ring, tenant)}
    found: Counter[str] = Counter()
    for lot in lots if old else ():
        for (_, key), count in (await in_use(lot)).items():
            if key in old:
                found[key] += count
    for row in [row async for row in ring.safe.of_subjects(tenant)] + await ring.safe.of_tenant(tenant):
        if row.standing is Standing.OPENS and row.under in old and row.id not in old:
            found[row.under] += 1
    return found


async def _old(ring: Ring, tenant: str) -> list[Row]:
    """Live keys with a newer one beside them. A vector key stays: vectors are not turned anew."""
    newest: dict[tuple[Sort, str], Row] = {}
    live: list[Row] = []
    rows = [row for row in await ring.safe.of_tenant(tenant) if row.sort is Sort.TENANT]
    for row in [*rows, *[row async for row in ring.safe.of_subjects(tenant)]]:
        if row.standing is Standing.OPENS:
            live.append(row)
            known = newest.get((row.sort, row.user))
            if known is None or row.number > known.number:
                newest[row.sort, row.user] = row
    return [row for row in live if newest[row.sort, row.user].id != row.id]


async def _brought(lot: Lot, name: str, worn: Sequence[Record]) -> tuple[int, int]:
    if not worn:
        return 0, 0
    opened = await lot.wrapping.opened(_reach(lot), worn)
    there = [record for record in opened if record is not None]
    anew = await lot.wrapping.sealed([msgspec.structs.replace(each, version=each.version + 1) for each in there])
    stored = await _replaced(lot, name, anew)
    kept = [record for record, new in zip(anew, stored, strict=True) if new]
    for other in lot.keepers:
        if other != name:
            await _replaced(lot, other, kept)
    return len(kept), len(opened) - len(there)


async def _replaced(lot: Lot, name: str, anew: Sequence[Record]) -> Sequence[bool]:
    """Whether each took the place of an older version. What is not there any more is not brought back."""
    return await patiently(lambda: replaced(lot.keepers[name], _reach(lot), anew, surely=name in lot.replacing))


def _reach(lot: Lot) -> Reach:
    return Reach(lot.tenant, lot.space, None, None, None)


async def _pages(lot: Lot, provider: Provider) -> AsyncGenerator[Sequence[Record]]:
    after = None
    while True:
        scan = Scan(where=Where(lot.kinds), limit=_PAGE, order=Order.OLDEST, after=after, vectors=True)
        page = await patiently(lambda scan=scan: provider.scan(_reach(lot), scan))
        yield page.records
        after = page.next
        if after is None:
            return
