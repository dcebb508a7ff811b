"""Records in memory, and every change of them in one journal file, which is read again at the start.

An example of a provider in a package of its own: one class, one entry point. It ranks nothing itself; the gateway does.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from datetime import datetime
from pathlib import Path
from typing import Annotated, ClassVar

import msgspec

from gateway.domain.errors import Unavailable
from gateway.domain.ports import Capabilities, Kit, Order, Page, Scan
from gateway.domain.record import Kind, Record
from gateway.domain.scope import Reach
from gateway.providers.documents import read, written
from gateway.providers.winnowing import lives, winnowed


class JournalOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    path: Annotated[
        str, msgspec.Meta(min_length=1, description="The file; made, with its folder, where it is missing.")
    ]


class Journal:
    """A batch is one write and one flush: all of it is there after a kill, or none."""

    type_name: ClassVar[str] = "journal"
    Options: ClassVar[type[JournalOptions]] = JournalOptions

    def __init__(self, options: JournalOptions, kit: Kit) -> None:
        self._path = (kit.home / Path(options.path).expanduser()).absolute()
        self._clock = kit.clock
        self._name = kit.name
        self._records: dict[tuple[str, str], Record] = {}  # by tenant and id
        self._turn = asyncio.Lock()
        self._file: int | None = None

    @classmethod
    def capabilities(cls, options: JournalOptions) -> Capabilities:
        return Capabilities(kinds=frozenset(Kind), durable=True, exclusive=frozenset({f"file:{options.path}"}))

    async def open(self, stack: AsyncExitStack) -> None:
        try:
            self._file = await asyncio.to_thread(self._read)
        except OSError as error:
            raise Unavailable(f"{self._name}: the journal cannot be used: {error.strerror}") from None
        stack.push_async_callback(self._close)

    async def put(self, records: Sequence[Record]) -> Sequence[bool]:
        async with self._turn:
            now = self._clock()
            stored: list[bool] = []
            fresh: dict[tuple[str, str], Record] = {}
            for record in records:
                key = (record.scope.tenant, record.id)
                stored.append(self._gives_way(fresh.get(key, self._records.get(key)), record, now))
                if stored[-1]:
                    fresh[key] = record
            lines = {key: written(record) for key, record in fresh.items()}
            await self._append([b"+" + line for line in lines.values()])
            # Read back, so that nothing the caller changes afterwards is changed here.
            self._records |= {key: read(line) for key, line in lines.items()}
        return stored

    async def get(self, reach: Reach, ids: Sequence[str]) -> Sequence[Record | None]:
        now = self._clock()
        found = (self._records.get((reach.tenant, id_)) for id_ in ids)
        return [each if each and reach.covers(each.scope) and lives(each, now) else None for each in found]

    async def delete(self, reach: Reach, ids: Sequence[str]) -> int:
        async with self._turn:
            found = {record.id for record in await self.get(reach, ids) if record is not None}
            await self._append([b"-" + msgspec.json.encode([reach.tenant, id_]) for id_ in found])
            for id_ in found:
                del self._records[reach.tenant, id_]
        return len(found)

    async def scan(self, reach: Reach, scan: Scan) -> Page:
        return await winnowed(self._in_order(scan), reach, scan, self._clock())

    async def _in_order(self, scan: Scan) -> AsyncIterator[Sequence[Record]]:
        newest = scan.order is Order.NEWEST
        placed = sorted(((r.created_at, r.id, r) for r in self._records.values()), key=lambda p: p[:2], reverse=newest)
        start = None if scan.after is None else (scan.after.created_at, scan.after.id)
        for number, (at, id_, record) in enumerate(placed):
            if number % 500 == 0:
                await asyncio.sleep(0)  # others get a turn
            if start is None or ((at, id_) < start if newest else (at, id_) > start):
                yield (record,)

    def _gives_way(self, old: Record | None, new: Record, now: datetime) -> bool:
        if old is None or (not lives(old, now) and old.scope == new.scope):
            return True
        return old.scope == new.scope and old.version < new.version

    async def _append(self, lines: Sequence[bytes]) -> None:
        if self._file is None:
            raise Unavailable(f"{self._name} is not open", code="closed")
        if lines:
            # One line for the batch: a line whose end is missing was never acknowledged.
            await asyncio.to_thread(self._write, self._file, b"\x1e".join(lines) + b"\n")

    def _write(self, file: int, batch: bytes) -> None:
        try:
            os.write(file, batch)
            os.fsync(file)
        except OSError as error:
            raise Unavailable(f"{self._name}: the journal cannot be written: {error.strerror}") from None

    def _read(self) -> int:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        whole, _, torn = self._path.read_bytes().rpartition(b"\n")
        if torn:
            os.truncate(file, len(whole) + 1 if whole else 0)
        for change in whole.replace(b"\n", b"\x1e").split(b"\x1e") if whole else ():
            if change[:1] == b"+":
                record = read(change[1:])
                self._records[record.scope.tenant, record.id] = record
            else:
                tenant, id_ = msgspec.json.decode(change[1:], type=tuple[str, str])
                self._records.pop((tenant, id_), None)
        return file

    async def _close(self) -> None:
        file, self._file = self._file, None
        self._records.clear()
        if file is not None:
            await asyncio.to_thread(os.close, file)


__all__ = ["Journal"]
