"""Out of the archive again: the same ids, in the same scopes, one version on, as if changed now.

What is there is left as it is. The archive keeps its copies; whatever is archived again takes their place.
"""

from collections.abc import Callable, Sequence
from typing import Final

import msgspec

from gateway.domain.errors import Misconfigured
from gateway.domain.hooking import Event
from gateway.domain.ports import Order, Where
from gateway.domain.record import Record, kinds_kept
from gateway.domain.scope import Reach
from gateway.runtime.bound import BoundRoute
from gateway.services.moving.way import embedded
from gateway.services.retention.archiving import TOGETHER, by_scope
from gateway.services.retention.telling import done, may
from gateway.services.walking import walk

_SHOWN: Final = 1_000
_OPERATION: Final = "retention.restore"


class Restored(msgspec.Struct, kw_only=True):
    """`there` were not missing. `ended` are of users who were erased since. `refused` the backend did not take, as the id belongs to another record by now, or a hook.

    `missing` are the first so many that are, or were, not there.
    """

    found: int = 0
    restored: int = 0
    there: int = 0
    ended: int = 0
    refused: int = 0
    missing: list[Record] = []


async def restore(
    route: BoundRoute, reach: Reach, ended: Callable[[Record], bool] = lambda _: False, *, dry: bool = False
) -> Restored:
    """All of the route's kinds within the reach, but for what an erasure has `ended`: a copy of the archive may be older
    than that. Safe to repeat, and to cut off."""
    if route.archive is None:
        raise Misconfigured(f"the route {route.name!r} has no archive (retention.archive)", code="no_archive")
    told = Restored()
    kinds = kinds_kept(route.config.families)
    some: list[Record] = []
    async for record in walk(route.archive, reach, Where(kinds), order=Order.OLDEST):
        if ended(record):
            told.found, told.ended = told.found + 1, told.ended + 1
            continue
        some.append(record)
        if len(some) == TOGETHER:
            await _brought(route, some, told, dry=dry)
            some = []
    await _brought(route, some, told, dry=dry)
    if told.restored:
        route.kept("restored", told.restored)
        route.recaller.forget(reach)
    return told


async def _brought(route: BoundRoute, records: Sequence[Record], told: Restored, *, dry: bool) -> None:
    missing: list[Record] = []
    for scope, some in by_scope(records).items():
        there = await route.provider.get(Reach.only(scope), [record.id for record in some])
        missing += [record for record, known in zip(some, there, strict=True) if known is None]
    told.found += len(records)
    told.there += len(records) - len(missing)
    told.missing += missing[: max(0, _SHOWN - len(told.missing))]
    if dry or not missing:
        told.restored += len(missing)
        return
    again = [
        msgspec.structs.replace(record, version=record.version + 1, updated_at=route.mint.now()) for record in missing
    ]
    if route.embedder is not None:
        again = await embedded(route.embedder, again)
    for owner, some in by_scope(again).items():
        if not await may(route, owner, _OPERATION, Event.UPDATE, len(some)):
            told.refused += len(some)
            continue
        stored = sum(await route.provider.put(some))
        await done(route, owner, _OPERATION, Event.UPDATE, stored)
        told.restored += stored
        told.refused += len(some) - stored
