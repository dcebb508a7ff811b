"""One record at a time into the bucket and out of it: which version stays, and what belongs to it in the index.

    <prefix>records/<tenant>/<id>.json                             the documents
    <prefix>index/<tenant>/<space>/<user>/<agent>/<run>/<kind>/... an empty object each, whose name is the place in the order

All hashed. An index entry is made before its document and removed after it: so every document has one. Each write has
an entry of its own, told by a mark that the document carries too, which also makes its etag its own: so whoever replaced or removed a document, and nobody
else, removes its entry.
"""

import asyncio
import secrets
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final

import msgspec

from gateway.domain.errors import Unavailable
from gateway.domain.record import Record
from gateway.domain.scope import Reach
from gateway.providers.archive import Entry, digest, entry_of, part_of
from gateway.providers.documents import read, written
from gateway.providers.s3.bucket import Bucket, Stored
from gateway.providers.s3.remembered import Remembered
from gateway.providers.winnowing import lives

_TURNS: Final = 200  # rivals for one record that may come first
_WORTH: Final = 100  # documents that would be fetched, for each page of a listing that says they are unchanged
_INLINE: Final = 64  # documents decoded on the loop
_OPENING: Final = b'{"mark":"'
_MARK: Final = 16


class Survey:
    """What a tenant's documents were, as far as they have been listed for one read."""

    def __init__(self, bucket: Bucket, owner: str) -> None:
        self.owner = owner
        self.etags: dict[str, str] = {}
        self._pages = bucket.listed(f"records/{owner}/")

    async def go_on(self, names: Sequence[str], pages: int) -> None:
        """List on for so many pages, or until all of the names were seen."""
        while pages > 0 and any(name not in self.etags for name in names):
            page = await anext(self._pages, None)
            if page is None:
                return
            self.etags.update(page)
            pages -= 1


class Keeping:
    def __init__(self, bucket: Bucket, remembered: Remembered) -> None:
        self._bucket = bucket
        self._remembered = remembered

    async def put(self, record: Record, now: datetime, *, over: bool = False) -> tuple[bool, list[str]]:
        """Whether it is stored, and the index entries that mean nothing any more. With `over`, only in the place of what
        lives."""
        name = _document(part_of(record.scope.tenant), digest(record.id))
        mark = secrets.token_hex(_MARK // 2)
        content = _OPENING + mark.encode() + b'",' + written(record)[1:]
        entry = "index/" + entry_of(record, mark).name()
        there = self._remembered.last(name)
        fresh = False
        if there is None and record.version > 1:
            there, fresh = await self._fetch(name), True
        await self._bucket.put_empty(entry)
        for _ in range(_TURNS):
            old = None if there is None else read(there.content)
            if over and (old is None or not lives(old, now)):
                if fresh:
                    return False, [entry]
                there, fresh = await self._fetch(name), True
                continue
            if old is not None and lives(old, now) and not _follows(record, old):
                if fresh:
                    return False, [entry]
                there, fresh = await self._fetch(name), True
                continue
            etag = await self._bucket.put(name, content, over=None if there is None else there.etag)
            if etag is not None:
                self._remembered.keep(name, Stored(etag, content))
                useless = [] if old is None or there is None else ["index/" + entry_of(old, _mark(there)).name()]
                return True, useless
            there, fresh = await self._fetch(name), True
        raise Unavailable("too many write the same record at once", code="s3_contended")

    async def remove(self, reach: Reach, id_: str) -> tuple[Record | None, list[str]]:
        """What was removed, and the index entries that mean nothing any more."""
        name = _document(part_of(reach.tenant), digest(id_))
        there = self._remembered.last(name)
        fresh = there is None
        if there is None:
            there = await self._fetch(name)
        for _ in range(_TURNS):
            if there is None:
                return None, []
            old = read(there.content)
            within = reach.covers(old.scope)
            if within and await self._bucket.remove(name, there.etag):
                self._remembered.drop(name)
                return old, ["index/" + entry_of(old, _mark(there)).name()]
            if not within and fresh:
                return None, []
            there, fresh = await self._fetch(name), True
        raise Unavailable("too many write the same record at once", code="s3_contended")

    async def remove_due(self, entry: Entry, now: datetime) -> tuple[bool, list[str]]:
        """Whether the entry's document had expired and was removed, and the entries that mean nothing any more."""
        name = _document(entry.owner[0], entry.document)
        there = await self._fetch(name)
        own = "index/" + entry.name()
        if there is None:
            return False, [own]
        old = read(there.content)
        if lives(old, now):
            return False, [own] if _mark(there) != entry.mark else []
        if not await self._bucket.remove(name, there.etag):
            return False, []
        self._remembered.drop(name)
        return True, [own, "index/" + entry_of(old, _mark(there)).name()]

    async def of_ids(self, tenant: str, ids: Sequence[str]) -> dict[str, Record]:
        found = await self._load(Survey(self._bucket, part_of(tenant)), [digest(id_) for id_ in ids])
        return {record.id: record for record in await _decoded(found, lambda _: True)}

    async def of_entries(
        self, survey: "Survey", entries: Sequence[Entry], wanted: Callable[[Record], bool]
    ) -> list[Record]:
        """Those of the documents that stand where their entries say and are wanted."""
        found = await self._load(survey, [entry.document for entry in entries])
        places = {msgspec.structs.replace(entry, expires=None, mark="") for entry in entries}

        def stands(record: Record) -> bool:
            return msgspec.structs.replace(entry_of(record), expires=None) in places and wanted(record)

        return await _decoded(found, stands)

    def survey(self, tenant: str) -> "Survey":
        return Survey(self._bucket, part_of(tenant))

    async def _load(self, survey: "Survey", documents: Sequence[str]) -> list[Stored]:
        """What there is of them now. Where many are remembered, a listing tells which of these are unchanged.

        It is followed for up to a page for so many documents, and thus never costs more than a fraction of fetching.
        """
        names = {_document(survey.owner, each) for each in documents}
        held = [name for name in names if name in self._remembered]
        if len(held) >= _WORTH:
            await survey.go_on(held, len(held) // _WORTH)
        known = {name: self._remembered.find(name, survey.etags.get(name, "")) for name in held}
        rest = [name for name in names if known.get(name) is None]
        fetched = await asyncio.gather(*map(self._fetch, rest))
        return [each for each in (*known.values(), *fetched) if each is not None]

    async def _fetch(self, name: str) -> Stored | None:
        stored = await self._bucket.get(name)
        if stored is None:
            self._remembered.drop(name)
        else:
            self._remembered.keep(name, stored)
        return stored


async def _decoded(found: Sequence[Stored], wanted: Callable[[Record], bool]) -> list[Record]:
    def work() -> list[Record]:
        return [record for record in (read(each.content) for each in found) if wanted(record)]

    return work() if len(found) <= _INLINE else await asyncio.to_thread(work)


def _document(owner: str, digested: str) -> str:
    return f"records/{owner}/{digested}.json"


def _follows(record: Record, there: Record) -> bool:
    return record.scope == there.scope and record.version > there.version


def _mark(stored: Stored) -> str:
    start = len(_OPENING)
    return (
        stored.content[start : start + _MARK].decode("ascii", "replace") if stored.content.startswith(_OPENING) else ""
    )
