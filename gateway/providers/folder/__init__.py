"""Records as files in a folder: one JSON document each, to be read by people and other programs; an archive that is a provider.

What is acknowledged is on the disk: a document is written beside its place, flushed, and renamed into it, so none is
ever half there, whatever is killed. A batch is not atomic; each of its records is. Writers of one tenant take turns by a
lock on a file, within a machine: several processes may use one folder, also over a network file system whose locks
work. Reads take no lock. Long listings make it slow for scopes of tens of thousands of records.
Knows nothing of routes, ranking strategies or sealing.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, aclosing
from typing import Annotated, Any, ClassVar, Final, TypeVar

import msgspec
from msgspec import Meta

from gateway.domain.ports import Capabilities, Kit, Page, Scan
from gateway.domain.record import Kind, Record
from gateway.domain.scope import Reach
from gateway.providers.archive import Entry, in_order
from gateway.providers.folder.drawers import Drawers
from gateway.providers.folder.faults import in_words
from gateway.providers.winnowing import passes, winnowed

__all__ = ["Folder"]

Result = TypeVar("Result")

_READERS: Final = 4
_FILTERED: Final = 128  # documents read at once where a filter may drop some


class FolderOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    path: Annotated[str, Meta(min_length=1, description="The folder. A relative one starts beside the configuration.")]
    lock_timeout: Annotated[
        float, Meta(gt=0, description="Seconds to wait for another process that writes to the same tenant.")
    ] = 10.0


class Folder:
    type_name: ClassVar[str] = "folder"
    Options: ClassVar[type[Any]] = FolderOptions

    def __init__(self, options: FolderOptions, kit: Kit) -> None:
        self._options = options
        self._kit = kit

    @classmethod
    def capabilities(cls, options: Any) -> Capabilities:  # noqa: ARG003 -- the same for all options
        return Capabilities(kinds=frozenset(Kind), sweeps=True, pinged=True, durable=True, shared=True, replaces=True)

    async def open(self, stack: AsyncExitStack) -> None:
        """Makes the folder where it is missing, and removes what killed writers had begun."""
        self._drawers = Drawers(self._kit.home / self._options.path, self._options.lock_timeout, self._kit.name)
        self._writer = ThreadPoolExecutor(1, thread_name_prefix=f"{self._kit.name}-writer")
        self._readers = ThreadPoolExecutor(_READERS, thread_name_prefix=f"{self._kit.name}-reader")
        stack.push_async_callback(asyncio.to_thread, self._close)
        await self._on(self._writer, self._drawers.open)

    async def put(self, records: Sequence[Record]) -> Sequence[bool]:
        """Each record whole or not at all; where one fails, those before it may be stored."""
        kept, now = tuple(records), self._kit.clock()
        return await self._on(self._writer, lambda: self._drawers.put(kept, now)) if kept else []

    async def replace(self, records: Sequence[Record], beside: Sequence[Record] = ()) -> Sequence[bool]:
        """As `put`."""
        kept, now = tuple(records), self._kit.clock()
        stored = await self._on(self._writer, lambda: self._drawers.put(kept, now, over=True)) if kept else []
        if beside and all(stored):
            await self.put(beside)
        return stored

    async def get(self, reach: Reach, ids: Sequence[str]) -> Sequence[Record | None]:
        wanted, now = tuple(ids), self._kit.clock()
        return await self._on(self._readers, lambda: self._drawers.get(reach, wanted, now))

    async def delete(self, reach: Reach, ids: Sequence[str]) -> int:
        """The files are removed, not overwritten: what a disk or its snapshots keep is theirs."""
        wanted, now = tuple(dict.fromkeys(ids)), self._kit.clock()
        return await self._on(self._writer, lambda: self._drawers.delete(reach, wanted, now))

    async def scan(self, reach: Reach, scan: Scan) -> Page:
        """Lists the whole reach, then reads from where the page begins until it is full."""
        now = self._kit.clock()

        async def pages() -> AsyncIterator[Sequence[Entry]]:
            yield await self._on(self._readers, lambda: self._drawers.entries(reach, scan))

        async def read(entries: Sequence[Entry]) -> Sequence[Record]:
            return await self._on(
                self._readers,
                lambda: [each for each in self._drawers.read(entries) if passes(each, reach, scan.where, now)],
            )

        first = scan.limit + 1 if scan.where.filter is None else max(scan.limit + 1, _FILTERED)
        found = in_order(pages(), read, order=scan.order, after=scan.after, first=first)
        async with aclosing(found) as candidates:
            return await winnowed(candidates, reach, scan, now)

    async def sweep(self, limit: int) -> int:
        now = self._kit.clock()
        return await self._on(self._writer, lambda: self._drawers.sweep(now, limit))

    async def ping(self) -> None:
        await self._on(self._readers, self._drawers.ping)

    async def _on(self, threads: ThreadPoolExecutor, work: Callable[[], Result]) -> Result:
        try:
            return await asyncio.get_running_loop().run_in_executor(threads, work)
        except OSError as error:
            raise in_words(error, self._kit.name) from None

    def _close(self) -> None:
        """Blocks until what was begun is done."""
        for threads in (self._writer, self._readers):
            threads.shutdown(wait=True, cancel_futures=True)
