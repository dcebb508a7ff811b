"""Records in one SQLite file, with the standard library's driver and no extension: the embedded default.

What is acknowledged has been committed. After the process is killed, every acknowledged write is there and none is
half there, whatever `synchronous` says. After the machine loses power the same holds with FULL (the default; one disk
flush per commit, which all writes that wait share); with NORMAL the last moments may be missing, but never a part of
a commit. Deleted content is overwritten with zeros in the file; the write-ahead log beside it may hold older pages
until it is checkpointed, which closing does. Several processes may use one file at once, on a local file system.
Knows nothing of routes, ranking strategies or sealing.
"""

import asyncio
import os.path
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack, ExitStack
from pathlib import Path
from typing import Annotated, Any, ClassVar, Final, Literal, TypeVar

import msgspec
from msgspec import Meta

from gateway.domain.errors import Unavailable
from gateway.domain.ports import Capabilities, Count, Hit, Kit, Page, Scan, Where
from gateway.domain.record import Kind, Record
from gateway.domain.scope import Reach
from gateway.domain.units import Size
from gateway.providers.exact import dimension_of
from gateway.providers.sqlite import ranking
from gateway.providers.sqlite.batch import Batch
from gateway.providers.sqlite.faults import in_words
from gateway.providers.sqlite.matrices import Matrices
from gateway.providers.sqlite.readers import THREADS, Readers
from gateway.providers.sqlite.reading import Reading
from gateway.providers.sqlite.rows import micros
from gateway.providers.sqlite.schema import connect, create, migrate
from gateway.providers.sqlite.writer import Writer
from gateway.providers.terms import Terms

__all__ = ["Sqlite"]

_FEW: Final = 16  # ids looked up, and records listed, on the event loop
_SHORT_PAGE: Final = 100
_SMALL: Final = 4_000  # vectors compared there

Result = TypeVar("Result")


class SqliteOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    path: Annotated[str, Meta(min_length=1, description="The file; made, with its folder, where it is missing.")]
    synchronous: Annotated[
        Literal["FULL", "NORMAL"],
        Meta(description="FULL: acknowledged writes survive a power cut. NORMAL: they survive a killed process."),
    ] = "FULL"
    cache: Annotated[Size, Meta(description="Memory for the vectors of reaches that are searched.")] = msgspec.field(
        default_factory=lambda: Size("64MiB")
    )

    def __post_init__(self) -> None:
        if self.path.startswith(":memory:"):
            raise ValueError("`path: :memory:` is not offered; use `type: memory`")


class Sqlite:
    type_name: ClassVar[str] = "sqlite"
    schemes: ClassVar[dict[str, str]] = {"sqlite": "path"}
    Options: ClassVar[type[Any]] = SqliteOptions

    def __init__(self, options: SqliteOptions, kit: Kit) -> None:
        self._options = options
        self._kit = kit
        self._path = (kit.home / Path(options.path).expanduser()).absolute()
        self._terms = Terms()
        self._matrices = Matrices(options.cache.bytes)
        self._open: tuple[Readers, Writer] | None = None

    @classmethod
    def capabilities(cls, options: Any) -> Capabilities:
        return Capabilities(
            kinds=frozenset(Kind), nearest=True, matching=True, sweeps=True, revised=True, counted=True, replaces=True,
            durable=True, shared=True, exclusive=frozenset({f"file:{os.path.normpath(options.path)}"}),
        )  # fmt: skip

    async def open(self, stack: AsyncExitStack) -> None:
        """Create or migrate the file. Unavailable where it cannot be used, or is newer than this code."""
        try:
            self._open = await asyncio.to_thread(self._connect)
        except (sqlite3.Error, OSError) as error:
            raise in_words(error, self._kit.name) from error
        stack.push_async_callback(self._close)

    async def put(self, records: Sequence[Record]) -> Sequence[bool]:
        """All of the batch or nothing."""
        return await self._write(lambda batch, now: batch.put(records, now)) if records else []

    async def replace(self, records: Sequence[Record], beside: Sequence[Record] = ()) -> Sequence[bool]:
        """All of the batch or nothing."""
        return await self._write(lambda batch, now: batch.replace(records, beside, now)) if records else []

    async def get(self, reach: Reach, ids: Sequence[str]) -> Sequence[Record | None]:
        now = self._now()
        return await self._read(lambda reading: reading.get(reach, ids, now), short=len(ids) <= _FEW)

    async def delete(self, reach: Reach, ids: Sequence[str]) -> int:
        return await self._write(lambda batch, now: batch.delete(reach, ids, now)) if ids else 0

    async def scan(self, reach: Reach, scan: Scan) -> Page:
        now = self._now()
        short = scan.limit <= _SHORT_PAGE and scan.where.filter is None and reach.exact() is not None
        return await self._read(lambda reading: reading.scan(reach, scan, now), short=short)

    async def nearest(self, reach: Reach, vector: bytes, where: Where, limit: int) -> Sequence[Hit]:
        now = self._now()
        key = (reach, where.kinds, dimension_of(vector))
        known = self._matrices.fresh(key, await self.revision(reach))

        def search(reading: Reading) -> list[Hit]:
            held = known if known is not None else self._matrices.load(reading, key)
            return ranking.nearest(reading, held, reach, vector, where, limit, now)

        short = known is not None and len(known.seqs) <= _SMALL and where.filter is None and limit <= _SHORT_PAGE
        return await self._read(search, short=short)

    async def matching(self, reach: Reach, words: Sequence[str], where: Where, limit: int) -> Sequence[Hit]:
        now = self._now()
        terms = self._terms.wanted(words)
        return await self._read(lambda reading: ranking.matching(reading, terms, reach, where, limit, now))

    async def sweep(self, limit: int) -> int:
        return await self._write(lambda batch, now: batch.sweep(limit, now))

    async def scrub(self) -> bool:
        """Overwritten in the file as it is deleted; here the write-ahead log is moved into it and emptied."""
        _, writer = self._opened()
        return await writer.emptied()

    async def revision(self, reach: Reach) -> bytes:
        return await self._read(lambda reading: reading.revision(reach), short=True)

    async def count(self) -> dict[Kind, Count]:
        now = self._now()
        return await self._read(lambda reading: reading.count(now), short=True)

    async def _read(self, work: Callable[[Reading], Result], *, short: bool = False) -> Result:
        readers, _ = self._opened()
        return await (readers.short(work) if short else readers.long(work))

    async def _write(self, work: Callable[[Batch, int], Result]) -> Result:
        _, writer = self._opened()
        now = self._now()
        return await writer.write(lambda batch: work(batch, now))

    def _opened(self) -> tuple[Readers, Writer]:
        if self._open is None:
            raise Unavailable(f"{self._kit.name} is not open", code="closed")
        return self._open

    def _now(self) -> int:
        return micros(self._kit.clock())

    def _connect(self) -> tuple[Readers, Writer]:
        name, synchronous = self._kit.name, self._options.synchronous
        with ExitStack() as undo:

            def connected(**given: int) -> sqlite3.Connection:
                connection = connect(self._path, synchronous, **given)
                undo.callback(connection.close)
                return connection

            create(self._path)
            connection = connected()
            migrate(connection, name)
            others = [Reading(connected()) for _ in range(THREADS)]
            readers = Readers(Reading(connected(busy_ms=0)), others, name)
            writer = Writer(connection, name)
            writer.start()
            undo.pop_all()
        return readers, writer

    async def _close(self) -> None:
        (readers, writer), self._open = self._opened(), None
        self._matrices.clear()
        await asyncio.to_thread(writer.close, readers.close)
