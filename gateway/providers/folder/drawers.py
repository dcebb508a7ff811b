"""What lies where in the folder, and in which order it is written. Blocks; whoever calls chooses the thread.

    records/<tenant>/<id>.json                              the documents
    index/<tenant>/<space>/<user>/<agent>/<run>/<kind>/...  an empty file each, whose name is the place in the order
    incoming/<tenant>/<id>                                  what is being written
    locks/<tenant>

All hashed. An index entry is made before its document and removed after it: so every document has one.
"""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from pathlib import Path
from typing import Final

import msgspec

from gateway.domain.ports import Scan
from gateway.domain.record import Record
from gateway.domain.scope import Reach
from gateway.providers.archive import Entry, digest, entry_named, entry_of, micros, part_of, path_of, sorted_entries
from gateway.providers.documents import read, written
from gateway.providers.folder import files
from gateway.providers.winnowing import lives

_LEVELS: Final = 6  # of folders in the index below its top: the parts of a scope, and the kind


class Changed(msgspec.Struct, frozen=True):
    old: Record | None
    new: Record


class Drawers:
    def __init__(self, root: Path, patience: float, name: str) -> None:
        self._records = root / "records"
        self._index = root / "index"
        self._incoming = root / "incoming"
        self._locks = root / "locks"
        self._patience = patience
        self._name = name

    def open(self) -> None:
        for folder in (self._records, self._index, self._incoming, self._locks):
            files.make(folder)
        for tenant in files.names(self._incoming):
            with self._alone(tenant):  # whoever wrote here without the lock is dead
                for name in files.names(self._incoming / tenant):
                    (self._incoming / tenant / name).unlink()

    def ping(self) -> None:
        for folder in (self._records, self._index, self._incoming, self._locks):
            folder.stat()

    def put(self, records: Sequence[Record], now: datetime, *, over: bool = False) -> list[bool]:
        """With `over`, only in the place of what lives."""
        answers = [False] * len(records)
        by_tenant: dict[str, list[int]] = {}
        for number, record in enumerate(records):
            by_tenant.setdefault(part_of(record.scope.tenant), []).append(number)
        for tenant, numbers in by_tenant.items():
            with self._alone(tenant):
                changes: dict[str, Changed] = {}
                for number in numbers:
                    record = records[number]
                    change = changes.get(record.id)
                    old = self._document(tenant, digest(record.id)) if change is None else change.old
                    there = old if change is None else change.new
                    free = there is None or not lives(there, now)
                    if (free and not over) or (there is not None and not free and _follows(record, there)):
                        changes[record.id] = Changed(old, record)
                        answers[number] = True
                self._write(tenant, list(changes.values()))
        return answers

    def get(self, reach: Reach, ids: Sequence[str], now: datetime) -> list[Record | None]:
        tenant = part_of(reach.tenant)
        found = (self._document(tenant, digest(id_)) for id_ in ids)
        return [each if each is not None and reach.covers(each.scope) and lives(each, now) else None for each in found]

    def delete(self, reach: Reach, ids: Sequence[str], now: datetime) -> int:
        tenant = part_of(reach.tenant)
        with self._alone(tenant):
            found = [self._document(tenant, digest(id_)) for id_ in ids]
            gone = [each for each in found if each is not None and reach.covers(each.scope)]
            self._remove(tenant, gone)
        return sum(lives(each, now) for each in gone)

    def sweep(self, now: datetime, limit: int) -> int:
        removed = 0
        for tenant in files.names(self._index):
            due = [each for each in self._walk((tenant, *[None] * 4)) if each.expires and each.expires <= micros(now)]
            if not due or removed >= limit:
                continue
            with self._alone(tenant):
                found = {each.document: self._document(tenant, each.document) for each in due}
                gone = [each for each in found.values() if each is not None and not lives(each, now)]
                self._remove(tenant, gone[: limit - removed])
                removed += len(gone[: limit - removed])
        return removed

    def entries(self, reach: Reach, scan: Scan) -> list[Entry]:
        return sorted_entries(self._walk(path_of(reach)), reach, scan.where.kinds, scan.order, scan.after)

    def read(self, entries: Sequence[Entry]) -> list[Record]:
        """The documents that stand where the entries say; others were moved or removed meanwhile."""
        found = ((entry, self._document(entry.owner[0], entry.document)) for entry in entries)
        return [record for entry, record in found if record is not None and entry.is_of(record)]

    def _write(self, tenant: str, changes: Sequence[Changed]) -> None:
        if not changes:
            return
        incoming, records = self._incoming / tenant, self._records / tenant
        files.make(incoming)
        files.make(records)
        entries = [self._index / entry_of(change.new).name() for change in changes]
        for change, entry in zip(changes, entries, strict=True):
            files.write(incoming / digest(change.new.id), written(change.new))
            files.make(entry.parent)
            entry.touch(mode=0o600)
        files.flush(entry.parent for entry in entries)
        for change in changes:
            name = digest(change.new.id)
            (incoming / name).rename(records / f"{name}.json")
        files.flush([records])
        before = {self._index / entry_of(change.old).name() for change in changes if change.old is not None}
        self._forget(before.difference(entries))

    def _remove(self, tenant: str, gone: Sequence[Record]) -> None:
        if not gone:
            return
        records = self._records / tenant
        for record in gone:
            (records / f"{digest(record.id)}.json").unlink(missing_ok=True)
        files.flush([records])
        self._forget({self._index / entry_of(record).name() for record in gone})

    def _forget(self, entries: set[Path]) -> None:
        for entry in entries:
            entry.unlink(missing_ok=True)
        for folder in {entry.parent for entry in entries}:
            files.prune(folder, self._index)

    def _document(self, tenant: str, name: str) -> Record | None:
        raw = files.read(self._records / tenant / f"{name}.json")
        return None if raw is None else read(raw)

    def _walk(self, path: Sequence[str | None], level: int = 0, above: tuple[str, ...] = ()) -> Iterator[Entry]:
        here = self._index.joinpath(*above)
        if level == _LEVELS:
            for name in files.names(here):
                entry = entry_named("/".join((*above, name)))
                if entry is not None:
                    yield entry
            return
        wanted = path[level] if level < len(path) else None
        for name in files.names(here) if wanted is None else [wanted]:
            yield from self._walk(path, level + 1, (*above, name))

    def _alone(self, tenant: str) -> AbstractContextManager[None]:
        return files.locked(self._locks / tenant, self._patience, self._name)


def _follows(record: Record, there: Record) -> bool:
    return record.scope == there.scope and record.version > there.version
