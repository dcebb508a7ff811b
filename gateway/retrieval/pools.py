"""Pools kept between searches, as long as the provider says that nothing has changed.

A pool is found by provider, reach and kinds, and served only with the revision it was read at. Bounded by bytes, least
recently used out first. Never serves what has been forgotten, even where a load was under way meanwhile. For one event
loop; knows no provider.
"""

import asyncio
from collections import OrderedDict
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from gateway.domain.record import Kind
from gateway.domain.scope import Reach
from gateway.retrieval.pool import Pool

DEFAULT_BYTES: Final = 256 * 2**20
_REMEMBERED: Final = timedelta(seconds=60)
_MAX_VERDICTS: Final = 10_000


class Key(NamedTuple):
    """Whose pool: `provider` names one opened instance, never two with different contents."""

    provider: str
    reach: Reach
    kinds: frozenset[Kind]
    dimension: int = 0


class _Kept(NamedTuple):
    revision: bytes
    pool: Pool
    bytes: int


class _Verdict(NamedTuple):
    more_than: int
    until: datetime


class Pools:
    """`validated=False` serves pools whatever the revision says: it exists to show what validation prevents."""

    def __init__(self, capacity: int = DEFAULT_BYTES, *, validated: bool = True) -> None:
        self._capacity = capacity
        self._validated = validated
        self._kept: OrderedDict[Key, _Kept] = OrderedDict()
        self._verdicts: OrderedDict[Key, _Verdict] = OrderedDict()
        self._turns: dict[Key, tuple[asyncio.Lock, int]] = {}
        self._forgotten = 0
        self.bytes = 0

    @property
    def count(self) -> int:
        return len(self._kept)

    @property
    def era(self) -> int:
        """Grows with every `forget`. Take it before a load and give it to `keep`."""
        return self._forgotten

    def find(self, key: Key, revision: bytes) -> Pool | None:
        """The pool read at this revision; one of another revision is dropped."""
        kept = self._kept.get(key)
        if kept is None:
            return None
        if self._validated and kept.revision != revision:
            self._drop(key)
            return None
        self._kept.move_to_end(key)
        return kept.pool

    def keep(self, key: Key, revision: bytes, pool: Pool, era: int) -> None:
        """Keep a pool that was read after `revision` was. Not if anything was forgotten since `era`."""
        if era != self._forgotten:
            return
        self._drop(key)
        size = pool.footprint()
        if size > self._capacity:
            return
        self._kept[key] = _Kept(revision, pool, size)
        self.bytes += size
        while self.bytes > self._capacity:
            self._drop(next(iter(self._kept)))

    def exceeds(self, key: Key, bound: int, now: datetime) -> bool:
        """Whether the reach was lately seen to hold more than `bound` records."""
        verdict = self._verdicts.get(key)
        return verdict is not None and verdict.more_than >= bound and now < verdict.until

    def note_exceeds(self, key: Key, bound: int, now: datetime) -> None:
        """Remember for a minute that there are more than `bound`."""
        self._verdicts[key] = _Verdict(bound, now + _REMEMBERED)
        self._verdicts.move_to_end(key)
        if len(self._verdicts) > _MAX_VERDICTS:
            self._verdicts.popitem(last=False)

    @asynccontextmanager
    async def turn(self, key: Key) -> AsyncGenerator[None]:
        """One load of a key at a time, so that waiting searches find what the first one read."""
        lock, waiting = self._turns.get(key) or (asyncio.Lock(), 0)
        self._turns[key] = (lock, waiting + 1)
        try:
            async with lock:
                yield
        finally:
            lock, waiting = self._turns[key]
            if waiting == 1:
                del self._turns[key]
            else:
                self._turns[key] = (lock, waiting - 1)

    def forget(self, reach: Reach) -> int:
        """Drop every pool that may hold a record of the reach, those of wider reaches too; how many there were."""
        self._forgotten += 1
        gone = [key for key in self._kept if _overlap(key.reach, reach)]
        for key in gone:
            self._drop(key)
        for key in [key for key in self._verdicts if _overlap(key.reach, reach)]:
            del self._verdicts[key]
        return len(gone)

    def _drop(self, key: Key) -> None:
        kept = self._kept.pop(key, None)
        if kept is not None:
            self.bytes -= kept.bytes


def _overlap(one: Reach, other: Reach) -> bool:
    return one.tenant == other.tenant and all(
        a is None or b is None or a == b
        for a, b in (
            (one.space, other.space),
            (one.user, other.user),
            (one.agent, other.agent),
            (one.run, other.run),
        )
    )
