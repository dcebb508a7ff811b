"""Look-ups of what was read lately are answered by another provider, and searches asked again by what they found.

What stands in the cache is a copy of the record in its own scope, so it can answer nobody else; it ends after the ttl. A
write goes to the cache as soon as the primary has it, and since a cache too keeps only what is newer, a slow reader
never puts an old version back. A deletion is remembered here for a while for the same reason; in another process an
old record can be seen for as long as the ttl. A cache that is away is passed by, and for as long as a ttl where it has
missed a deletion. Knows no route.
"""

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, TypeVar

import msgspec

from gateway.chain.through import WRITES, Through, Verb
from gateway.domain.errors import GatewayError, Tampered
from gateway.domain.ids import Clock
from gateway.domain.ports import Hit, Matching, Nearest, Provider, Relevant, Where
from gateway.domain.record import Provenance, Record
from gateway.domain.scope import Reach

Result = TypeVar("Result")
Search = tuple[Any, ...]

_REMEMBERED: Final = 10_000  # deletions and searches, each


class Found(msgspec.Struct, frozen=True):
    hits: Sequence[Hit]
    until: datetime


class Cached:
    """`provider` is what the routes get. `hit` is told whether a look-up or search was answered here."""

    def __init__(
        self,
        inner: Provider,
        cache: Provider,
        ttl: float,
        clock: Clock,
        *,
        search_ttl: float = 0.0,
        hit: Callable[[bool], None] = lambda _: None,
    ) -> None:
        self.provider: Provider = Through(self._around, self)
        self._inner: Any = inner
        self._cache = cache
        self._ttl = timedelta(seconds=ttl)
        self._search_ttl = timedelta(seconds=search_ttl)
        self._clock = clock
        self._hit = hit
        self._away = clock()  # until then nothing is looked up here
        self._deleted: OrderedDict[tuple[str, str], datetime] = OrderedDict()
        self._found: OrderedDict[Search, Found] = OrderedDict()

    async def get(self, reach: Reach, ids: Sequence[str]) -> Sequence[Record | None]:
        if self._clock() < self._away:
            return await self._inner.get(reach, ids)
        cached: Sequence[Record | None]
        try:
            cached = await self._cache.get(reach, ids)
        except GatewayError:
            return await self._inner.get(reach, ids)
        missing = [id_ for id_, record in zip(ids, cached, strict=True) if record is None]
        self._hit(not missing)
        if not missing:
            return [_original(record) for record in cached if record is not None]
        read = dict(zip(missing, await self._inner.get(reach, missing), strict=True))
        await self._keep(record for record in read.values() if record is not None)
        return [read[id_] if record is None else _original(record) for id_, record in zip(ids, cached, strict=True)]

    async def put(self, records: Sequence[Record]) -> Sequence[bool]:
        try:
            stored: Sequence[bool] = await self._inner.put(records)
        except BaseException:
            self._forget({record.scope.tenant for record in records})
            raise
        self._forget({record.scope.tenant for record in records})
        for record in records:
            self._deleted.pop((record.scope.tenant, record.id), None)
        await self._keep(record for record, new in zip(records, stored, strict=True) if new)
        return stored

    async def delete(self, reach: Reach, ids: Sequence[str]) -> int:
        for id_ in ids:
            self._deleted[reach.tenant, id_] = self._clock() + self._ttl
        while len(self._deleted) > _REMEMBERED:
            self._deleted.popitem(last=False)
        removed: int = await self._inner.delete(reach, ids)
        self._forget({reach.tenant})
        try:
            await self._cache.delete(reach, ids)
        except GatewayError:
            self._away = self._clock() + self._ttl  # it could answer with what is gone as soon as it is back
        return removed

    async def nearest(self, reach: Reach, vector: bytes, where: Where, limit: int) -> Sequence[Hit]:
        inner: Nearest = self._inner
        return await self._searched(
            ("nearest", reach, vector, where.kinds, repr(where.filter), limit),
            lambda: inner.nearest(reach, vector, where, limit),
        )

    async def matching(self, reach: Reach, words: Sequence[str], where: Where, limit: int) -> Sequence[Hit]:
        inner: Matching = self._inner
        return await self._searched(
            ("matching", reach, tuple(words), where.kinds, repr(where.filter), limit),
            lambda: inner.matching(reach, words, where, limit),
        )

    async def relevant(self, reach: Reach, question: str, where: Where, limit: int) -> Sequence[Hit]:
        inner: Relevant = self._inner
        return await self._searched(
            ("relevant", reach, question, where.kinds, repr(where.filter), limit),
            lambda: inner.relevant(reach, question, where, limit),
        )

    async def _around(self, verb: Verb, call: Callable[[Any], Awaitable[Result]]) -> Result:
        result = await call(self._inner)
        if verb in WRITES:
            self._found.clear()
        return result

    async def _searched(self, search: Search, ask: Callable[[], Awaitable[Sequence[Hit]]]) -> Sequence[Hit]:
        if not self._search_ttl:
            return await ask()
        now = self._clock()
        known = self._found.get(search)
        self._hit(known is not None and known.until > now)
        if known is not None and known.until > now:
            return [hit for hit in known.hits if hit.record.expires_at is None or hit.record.expires_at > now]
        hits = await ask()
        self._found[search] = Found(hits, now + self._search_ttl)
        self._found.move_to_end(search)
        if len(self._found) > _REMEMBERED:
            self._found.popitem(last=False)
        return hits

    async def _keep(self, records: Iterable[Record]) -> None:
        now = self._clock()
        kept = [_copy(record, now + self._ttl) for record in records if not self._was_deleted(record, now)]
        if not kept:
            return
        try:
            await self._cache.put(kept)
        except GatewayError:
            return  # the next reader asks the primary, as this one did
        again = [record for record in kept if self._was_deleted(record, now)]
        for record in again:
            await self._cache.delete(Reach.only(record.scope), [record.id])

    def _was_deleted(self, record: Record, now: datetime) -> bool:
        until = self._deleted.get((record.scope.tenant, record.id))
        return until is not None and until > now

    def _forget(self, tenants: set[str]) -> None:
        """Searches of these tenants; the reach is the second part of each."""
        for search in [each for each in self._found if each[1].tenant in tenants]:
            del self._found[search]


def _copy(record: Record, end: datetime) -> Record:
    """All of it, to be kept until then, or as long as it lives."""
    ends = end if record.expires_at is None else min(end, record.expires_at)
    bare = msgspec.structs.replace(record, text="", metadata={}, vector=None, provenance=Provenance())
    return msgspec.structs.replace(bare, body=msgspec.msgpack.encode(record), expires_at=ends)


def _original(copy: Record) -> Record:
    if copy.body is None:
        raise Tampered("a cache holds something that is no copy of a record")
    try:
        record = msgspec.msgpack.decode(copy.body, type=Record)
    except msgspec.DecodeError:
        raise Tampered("a cache holds something that is no copy of a record") from None
    if record.id != copy.id or record.scope != copy.scope:
        raise Tampered("a cache holds the copy of another record")
    return record
