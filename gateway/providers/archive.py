"""How records lie where there are only names and contents, a folder or a bucket: one document each, and an index of names.

A document's name is made of its tenant and id alone, so an id exists once in a tenant. The index holds one empty entry
for each record, whose name says scope, kind, time and expiry: it is listed, never read. Both are made of hashes; no word
of a client is ever part of a name. An entry without a document, or of another version's place, means nothing.
Knows no folder and no bucket.
"""

from collections.abc import AsyncGenerator, AsyncIterable, Awaitable, Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final, TypeAlias

import msgspec

from gateway.domain.ports import Order, Position
from gateway.domain.record import Kind, Record
from gateway.domain.scope import Reach, Scope, fingerprint

_START: Final = datetime(1, 1, 1, tzinfo=UTC)
_TICK: Final = timedelta(microseconds=1)
_MOST: Final = 10**18  # more microseconds than the calendar has
_NEVER: Final = "never"
_PARTS: Final = ("tenant", "space", "user", "agent", "run")


class Entry(msgspec.Struct, frozen=True):
    """What the name of an index entry says. `owner` is the scope's parts, each hashed; `mark` tells writes apart."""

    owner: tuple[str, ...]
    kind: Kind
    created: int
    document: str  # hash of the id
    expires: int | None = None
    mark: str = ""

    def name(self) -> str:
        """Later ones first, as names are listed in one order only."""
        expires = _NEVER if self.expires is None else f"{self.expires:018}"
        place = f"{_MOST - self.created:018}-{self.document}-{expires}-{self.mark}"
        return "/".join((*self.owner, self.kind.value, place))

    @staticmethod
    def before(above: str, at: datetime) -> str:
        """A name that comes just before those of this time, in this place of the index."""
        return f"{above}{_MOST - micros(at):018}"

    def is_of(self, record: Record) -> bool:
        """Whether the record stands at this place of the order."""
        return (
            self.created == micros(record.created_at)
            and self.kind is record.kind
            and self.owner == hashed(record.scope)
        )


def entry_of(record: Record, mark: str = "") -> Entry:
    expires = None if record.expires_at is None else micros(record.expires_at)
    return Entry(hashed(record.scope), record.kind, micros(record.created_at), digest(record.id), expires, mark)


def entry_named(name: str) -> Entry | None:
    """None for what this module has not named."""
    *owner, kind, place = name.split("/")
    fields = place.split("-")
    if len(owner) != len(_PARTS) or len(fields) != 4:
        return None
    try:
        expires = None if fields[2] == _NEVER else int(fields[2])
        return Entry(tuple(owner), Kind(kind), _MOST - int(fields[0]), fields[1], expires, fields[3])
    except ValueError:
        return None


def hashed(scope: Scope) -> tuple[str, ...]:
    return tuple(part_of(getattr(scope, part)) for part in _PARTS)


def part_of(value: str) -> str:
    return fingerprint(value).hex()[:32]


def digest(id_: str) -> str:
    return fingerprint(id_).hex()


def micros(at: datetime) -> int:
    return (at - _START) // _TICK


def path_of(reach: Reach) -> tuple[str | None, ...]:
    """The levels of the index above the kinds; None is any."""
    values: list[str | None] = [getattr(reach, part) for part in _PARTS]
    return tuple(None if value is None else part_of(value) for value in values)


def sorted_entries(
    entries: Iterable[Entry], reach: Reach, kinds: frozenset[Kind], order: Order, after: Position | None
) -> list[Entry]:
    """Those of the reach and kinds that a scan may want, in order of time. Of the position's own time all are kept."""
    path = path_of(reach)
    bound = None if after is None else micros(after.created_at)
    newest = order is Order.NEWEST
    found = [
        each
        for each in entries
        if each.kind in kinds
        and all(want in (None, has) for want, has in zip(path, each.owner, strict=True))
        and (bound is None or (each.created <= bound if newest else each.created >= bound))
    ]
    return sorted(found, key=lambda each: each.created, reverse=newest)


Read: TypeAlias = Callable[[Sequence[Entry]], Awaitable[Sequence[Record]]]


async def in_order(
    pages: AsyncIterable[Sequence[Entry]], read: Read, *, order: Order, after: Position | None, first: int
) -> AsyncGenerator[list[Record]]:
    """The records of entries that come in order of time, as candidates: `first` and then more and more at once.

    Records of one time are read together and put in the order of their ids. Each stands once, where it stands now.
    """
    step = first
    waiting: list[Entry] = []
    async for page in pages:
        waiting += page
        while (cut := _cut(waiting, step)) < len(waiting):
            yield _settled(await read(waiting[:cut]), order, after)
            waiting, step = waiting[cut:], min(2 * step, 1000)
    if waiting:
        yield _settled(await read(waiting), order, after)


def _cut(entries: Sequence[Entry], step: int) -> int:
    """The end of the first group of times that reaches the step."""
    cut = step
    while 0 < cut < len(entries) and entries[cut].created == entries[cut - 1].created:
        cut += 1
    return cut


def _settled(records: Iterable[Record], order: Order, after: Position | None) -> list[Record]:
    once = {each.id: each for each in records}
    newest = order is Order.NEWEST
    found = sorted(once.values(), key=lambda each: (each.created_at, each.id), reverse=newest)
    if after is None:
        return found
    bound = (after.created_at, after.id)
    return [
        each for each in found if ((each.created_at, each.id) < bound if newest else (each.created_at, each.id) > bound)
    ]
