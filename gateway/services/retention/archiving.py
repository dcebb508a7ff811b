"""Into the archive, and only then away: what is not found there again, as it was, is not deleted.

The archive is a provider like any other and keeps the scope of every record, so whatever reaches a scope's records
reaches those in the archive. Vectors stay behind: they are made again from the texts.
"""

from collections.abc import Sequence
from typing import Final

import msgspec

from gateway.domain.filters import Filter, matches
from gateway.domain.hooking import Event
from gateway.domain.ports import Provider
from gateway.domain.record import Record
from gateway.domain.scope import Reach, Scope
from gateway.runtime.bound import BoundRoute
from gateway.services.moving.way import digest
from gateway.services.retention.telling import done, may

TOGETHER: Final = 200


class Gone(msgspec.Struct, frozen=True, kw_only=True):
    """What became of some records. `kept` could not be found in the archive, had changed meanwhile, or a hook holds them.

    `held` are those of them that a hook holds.
    """

    archived: int = 0
    deleted: int = 0
    kept: int = 0
    held: int = 0

    def __add__(self, other: "Gone") -> "Gone":
        return Gone(
            archived=self.archived + other.archived,
            deleted=self.deleted + other.deleted,
            kept=self.kept + other.kept,
            held=self.held + other.held,
        )


async def put_away(
    route: BoundRoute,
    records: Sequence[Record],
    only: Filter | None = None,
    *,
    archive: bool = True,
    delete: bool = True,
) -> Gone:
    """Archives those that pass the filter, where the route has an archive; then deletes all but what is not safe there.

    Hooks are told of each owner's, before and after. Raises what the providers raise, and Unavailable where a hook cannot
    be asked; then nothing of the batch that was under way is deleted. Safe to repeat.
    """
    gone = Gone()
    for start in range(0, len(records), TOGETHER):
        together = records[start : start + TOGETHER]
        if not route.hooks:
            gone += await _batch(route, together, only, archive=archive, delete=delete)
            continue
        for owner, some in by_scope(together).items():
            gone += await _told(route, owner, some, only, archive=archive, delete=delete)
    for what in ("archived", "deleted"):
        if count := getattr(gone, what):
            route.kept(what, count)
    if gone.kept > gone.held:
        route.fault("not_archived")
    if gone.held:
        route.fault("held_by_hook")
    return gone


async def _told(
    route: BoundRoute, owner: Scope, records: Sequence[Record], only: Filter | None, *, archive: bool, delete: bool
) -> Gone:
    what = "retention.delete" if delete else "retention.archive"
    event = Event.DELETE if delete else Event.UPDATE
    if not await may(route, owner, what, event, len(records)):
        return Gone(kept=len(records), held=len(records))
    gone = await _batch(route, records, only, archive=archive, delete=delete)
    await done(route, owner, what, event, gone.deleted if delete else gone.archived)
    return gone


async def _batch(
    route: BoundRoute, records: Sequence[Record], only: Filter | None, *, archive: bool, delete: bool
) -> Gone:
    going = list(records)
    archived: list[Record] = []
    if archive and route.archive is not None:
        wanted = [record for record in records if only is None or matches(only, record)]
        safe = await stored(route.archive, wanted)
        archived = [record for record in wanted if record.id in safe]
        unsafe = {record.id for record in wanted} - safe
        going = [record for record in records if record.id not in unsafe]
    kept = len(records) - len(going)
    if not delete:
        return Gone(archived=len(archived), kept=kept)
    deleted = 0
    for scope, some in by_scope(going).items():
        reach = Reach.only(scope)
        now = await route.provider.get(reach, [record.id for record in some])
        # Changed since it was read: it is not what was decided upon, nor what is in the archive.
        same = [old.id for old, new in zip(some, now, strict=True) if new is not None and new.version == old.version]
        kept += sum(new is not None for new in now) - len(same)
        if same:
            deleted += await route.provider.delete(reach, same)
            route.recaller.forget(reach)
    return Gone(archived=len(archived), deleted=deleted, kept=kept)


async def stored(archive: Provider, records: Sequence[Record]) -> frozenset[str]:
    """The ids of those that the archive has when this returns, read back and compared."""
    bare = [msgspec.structs.replace(record, vector=None) for record in records]
    if not bare:
        return frozenset()
    await archive.put(bare)
    found = await _found(archive, bare)
    # An id that has lived before lies there under a version of its former life: the later life takes its place.
    again = [
        msgspec.structs.replace(record, version=there.version + 1)
        for record in bare
        if (there := found.get(record.id)) is not None and not _same(record, there)
    ]
    if again:
        await archive.put(again)
        found |= await _found(archive, again)
    return frozenset(record.id for record in bare if _same(record, found.get(record.id)))


async def _found(archive: Provider, records: Sequence[Record]) -> dict[str, Record]:
    found: dict[str, Record] = {}
    for scope, some in by_scope(records).items():
        there = await archive.get(Reach.only(scope), [record.id for record in some])
        found |= {record.id: record for record in there if record is not None}
    return found


def _same(record: Record, there: Record | None) -> bool:
    return there is not None and _digest(record) == _digest(there)


def _digest(record: Record) -> int:
    return digest(msgspec.structs.replace(record, version=1), None)


def by_scope(records: Sequence[Record]) -> dict[Scope, list[Record]]:
    found: dict[Scope, list[Record]] = {}
    for record in records:
        found.setdefault(record.scope, []).append(record)
    return found
