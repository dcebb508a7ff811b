"""Lines into a provider: each one checked whole before it is put, and each put whole or not at all.

Putting only ever adds what is newer, so the same lines may be imported again. Bad lines are told by their number.
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import BinaryIO, Final

import msgspec

from gateway.domain.errors import GatewayError, Invalid
from gateway.domain.ports import Embedder, Provider
from gateway.domain.record import Kind, Record
from gateway.services.moving.copying import put_by_halves
from gateway.services.moving.lines import LONGEST, Header, read_header, read_line
from gateway.services.moving.renaming import renamed
from gateway.services.moving.way import embedded

_TOGETHER: Final = 500
_HEAVY: Final = 8 * 2**20

Bad = Callable[[int, str], None]


class Door(msgspec.Struct, frozen=True, kw_only=True):
    """Where lines go. Vectors of `fingerprint` are taken as they are, all others made by the embedder, if there is one."""

    provider: Provider
    kinds: frozenset[Kind]
    tenant: str = ""  # "" leaves them to the tenant of the header
    embedder: Embedder | None = None
    fingerprint: str = ""
    ended: Callable[[Record], bool] = lambda _: False  # what an erasure has ended is not brought back


class Imported(msgspec.Struct, frozen=True, kw_only=True):
    """`there` were as new or newer in the provider, or have their id in another scope."""

    lines: int = 0
    bad: int = 0
    stored: int = 0
    there: int = 0
    expired: int = 0
    ended: int = 0
    left: dict[Kind, int] = {}


def numbered(stream: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """The lines with their numbers, from 1. Invalid where one is longer than any that was exported."""
    number = 0
    while line := stream.readline(LONGEST + 1):
        number += 1
        if len(line) > LONGEST:
            raise Invalid(f"line {number} is longer than {LONGEST} bytes", code="bad_line")
        yield number, line


class Importing:
    """One file. `bad` is told each bad line."""

    def __init__(self, door: Door, now: datetime, bad: Bad) -> None:
        self._door = door
        self._now = now
        self._bad = bad

    def checked(self, stream: BinaryIO) -> Iterator[tuple[int, Record | None]]:
        """Every line after the header with its record, None for a bad one. Invalid where there is no header."""
        lines = numbered(stream)
        header = read_header(next(lines, (1, b""))[1])
        for number, line in lines:
            try:
                yield number, self._record(header, line)
            except GatewayError as error:
                self._bad(number, error.detail)
                yield number, None

    async def put(self, stream: BinaryIO) -> Imported:
        """Stores the good lines, in order, some at a time."""
        done, waiting, weight = Imported(), list[tuple[int, Record]](), 0
        for number, record in self.checked(stream):
            done = msgspec.structs.replace(done, lines=done.lines + 1, bad=done.bad + (record is None))
            if record is None:
                continue
            if record.expires_at is not None and record.expires_at <= self._now:
                done = msgspec.structs.replace(done, expired=done.expired + 1)
            elif self._door.ended(record):
                done = msgspec.structs.replace(done, ended=done.ended + 1)
            elif record.kind not in self._door.kinds:
                left = {**done.left, record.kind: done.left.get(record.kind, 0) + 1}
                done = msgspec.structs.replace(done, left=left)
            else:
                waiting.append((number, record))
                weight += record.size()
            if len(waiting) == _TOGETHER or weight > _HEAVY:
                done, waiting, weight = await self._stored(done, waiting), [], 0
        return await self._stored(done, waiting)

    def _record(self, header: Header, line: bytes) -> Record:
        door = self._door
        ours = door.embedder is not None and header.embedder == door.fingerprint
        dimension = door.embedder.dimension if door.embedder is not None and ours else None
        record = read_line(line, header.tenant, dimension)
        if not ours:
            record = msgspec.structs.replace(record, vector=None)
        return renamed(record, door.tenant or header.tenant)

    async def _stored(self, done: Imported, some: Sequence[tuple[int, Record]]) -> Imported:
        if not some:
            return done
        records = [record for _, record in some]
        if self._door.embedder is not None:
            records = await embedded(self._door.embedder, records)
        put = await put_by_halves(self._door.provider, records)
        for number, record in some:
            if record.id in put.refused:
                self._bad(number, "the provider does not take it")
        stored, bad = len(put.stored), len(put.refused)
        there = len(records) - stored - bad
        return msgspec.structs.replace(done, stored=done.stored + stored, bad=done.bad + bad, there=done.there + there)
