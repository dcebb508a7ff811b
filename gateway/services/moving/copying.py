"""One pass over what a tenant has at the source: each page is put to the target before it is told of.

A put only ever adds what is newer, so a pass may be repeated and may overlap with writes. What the source lost while its
page was on its way is taken back, so that no deletion is undone by a copy that was late.
"""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from datetime import datetime

import msgspec

from gateway.domain.errors import Conflict, Invalid, TooLarge
from gateway.domain.filters import Compare
from gateway.domain.ports import Position, Provider
from gateway.domain.record import Record
from gateway.services.moving.paging import paged, patiently
from gateway.services.moving.way import Way, whole


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """One page that is in the target now. `after` is where to go on; `refused` are ids that the target does not take."""

    after: Position | None
    last: bool
    read: int
    stored: int
    refused: tuple[str, ...] = ()


class Put(msgspec.Struct, frozen=True):
    """What became of records that were put."""

    stored: tuple[Record, ...] = ()
    refused: tuple[str, ...] = ()


async def copied(
    way: Way, tenant: str, after: Position | None = None, since: datetime | None = None
) -> AsyncGenerator[Step]:
    """Everything after the position; with `since` only what was written from then on."""
    changed = None if since is None else Compare("gte", since, field="updated_at")
    async with aclosing(paged(way.source, tenant, way.kinds, after=after, filter_=changed)) as pages:
        async for page in pages:
            put = await brought(way, tenant, page.records)
            if page.records:
                after = Position(page.records[-1].created_at, page.records[-1].id)
            after = page.next or after
            yield Step(
                after=after,
                last=page.next is None,
                read=len(page.records),
                stored=len(put.stored),
                refused=put.refused,
            )


async def brought(way: Way, tenant: str, records: Sequence[Record]) -> Put:
    """Puts what the source has just been read to hold, and looks there again at what was new to the target."""
    put = await put_by_halves(way.target, await way.dressed(records))
    if not put.stored:
        return put
    ids = [record.id for record in put.stored]
    now = await patiently(lambda: way.source.get(whole(tenant), ids))
    await _taken_back(way, tenant, [was for was, is_ in zip(put.stored, now, strict=True) if is_ is None])
    newer = [
        is_ for was, is_ in zip(put.stored, now, strict=True) if is_ is not None and is_.version > was.version
    ]  # fmt: skip
    if newer:
        again = await put_by_halves(way.target, await way.dressed(newer))
        return Put(put.stored, put.refused + again.refused)
    return put


async def put_by_halves(provider: Provider, records: Sequence[Record]) -> Put:
    """What was stored. What the provider refuses is found by halves, and stops nothing else."""
    if not records:
        return Put()
    try:
        stored = await patiently(lambda: provider.put(records))
    except (Invalid, TooLarge, Conflict):
        if len(records) == 1:
            return Put((), (records[0].id,))
        middle = len(records) // 2
        first, second = await put_by_halves(provider, records[:middle]), await put_by_halves(provider, records[middle:])
        return Put(first.stored + second.stored, first.refused + second.refused)
    return Put(tuple(record for record, new in zip(records, stored, strict=True) if new))


async def _taken_back(way: Way, tenant: str, gone: Sequence[Record]) -> None:
    """Removes what was put, unless something else has the id by now."""
    if not gone:
        return
    ids = [record.id for record in gone]
    there = await patiently(lambda: way.target.get(whole(tenant), ids))
    ours = [was.id for was, is_ in zip(gone, there, strict=True) if is_ is not None and _same(was, is_)]
    if ours:
        await patiently(lambda: way.target.delete(whole(tenant), ours))


def _same(a: Record, b: Record) -> bool:
    return (a.version, a.updated_at) == (b.version, b.updated_at)
