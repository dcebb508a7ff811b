"""Look-ups of what was read lately are answered by another provider, and searches asked again by what they found.

What stands in the cache is a copy of the record in its own scope, so it can answer nobody else; it ends a ttl after the
reading or writing that it comes from began. A write goes to the cache as soon as the primary has it, and since a cache
too keeps only what is newer, a slow reader never puts an old version back. What was deleted, or could not be brought to
the cache, is passed by for a ttl: by then all copies have ended. In another process an old record can be seen for as
long as the ttl. A cache that is away is passed by. Knows no route.
"""

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any, Final, TypeVar

import msgspec

from gateway.chain.through import Through, Verb
from gateway.domain.errors import GatewayError, Tampered
from gateway.domain.ids import Clock
from gateway.domain.ports import Extracts, Hit, Learned, Matching, Nearest, Provider, Relevant, Where
from gateway.domain.record import Provenance, Record
from gateway.domain.scope import Reach

Result = TypeVar("Result")
Search = tuple[Any, ...]
Id = tuple[str, str]  # the tenant first

_REMEMBERED: Final = 10_000  # searches, and ids that are passed by


class Found(msgspec.Struct, frozen=True):
    hits: Sequence[Hit]
    until: datetime


class Cached:
    """`provider` is what the routes get. `source` names the primary: a cache may hold copies of several.

    `hit` is told whether a look-up or search was answered here.
    """

    def __init__(
        self,
        source: str,
        inner: Provider,
        cache: Provider,
        ttl: float,
        clock: Clock,
        *,
        search_ttl: float = 0.0,
        hit: Callable[[bool], None] = lambda _: None,
    ) -> None:
        self.provider: Provider = Through(self._around, self)
        self._source = source
        self._inner: Any = inner
        self._cache = cache
        self._ttl = timedelta(seconds=ttl)
        self._search_ttl = timedelta(seconds=search_ttl)
        self._clock = clock
        self._hit = hit
        self._passed: OrderedDict[Id, datetime] = OrderedDict()  # until then the cache is not asked for them
        self._all_passed = datetime.min.replace(tzinfo=UTC)
        self._found: OrderedDict[Search, Found] = OrderedDict()
        self._changes = 0

    async def get(self, reach: Reach, ids: Sequence[str]) -> Sequence[Record | None]:
        began = self._clock()
        wanted = list(dict.fromkeys(ids))
        known = await self._looked_up(reach, [id_ for id_ in wanted if not self._is_passed((reach.tenant, id_))])
        missing = [id_ for id_ in wanted if id_ not in known]
        self._hit(not missing)
        if missing:
            read: Sequence[Record | None] = await self._inner.get(reach, missing)
            found = {id_: record for id_, record in zip(missing, read, strict=True) if record is not None}
            await self._keep(found.values(), began)
            known |= found
        return [known.get(id_) for id_ in ids]

    async def put(self, records: Sequence[Record]) -> Sequence[bool]:
        return await self._written(records, (), self._inner.put(records))

    async def replace(self, records: Sequence[Record], beside: Sequence[Record] = ()) -> Sequence[bool]:
        """What is put beside is not brought to the cache."""
        return await self._written(records, beside, self._inner.replace(records, beside))

    async def _written(
        self, records: Sequence[Record], beside: Sequence[Record], write: Awaitable[Sequence[bool]]
    ) -> Sequence[bool]:
        began = self._clock()
        written = {(record.scope.tenant, record.id) for record in (*records, *beside)}
        try:
            stored = await write
            kept = await self._keep((each for each, new in zip(records, stored, strict=True) if new), began)
        except BaseException:
            self._pass_by(written)  # it may have been written all the same
            raise
        if beside or not kept:
            self._pass_by(written)
        self._forget({tenant for tenant, _ in written})
        return stored

    async def delete(self, reach: Reach, ids: Sequence[str]) -> int:
        gone = {(reach.tenant, id_) for id_ in ids}
        self._pass_by(gone)
        try:
            removed: int = await self._inner.delete(reach, ids)
        finally:
            self._pass_by(gone)
        await self._drop(reach, ids)
        return removed

    async def extract(self, records: Sequence[Record], *, wait: bool) -> Sequence[Learned]:
        """What was learned without being told may be seen late, by a ttl."""
        inner: Extracts = self._inner
        tenants = {record.scope.tenant for record in records}
        try:
            learned = await inner.extract(records, wait=wait)
        finally:
            self._forget(tenants)
        self._pass_by({(tenant, each.id) for tenant in tenants for each in learned})
        return learned

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

    async def _around(self, _verb: Verb, call: Callable[[Any], Awaitable[Result]]) -> Result:
        return await call(self._inner)

    async def _searched(self, search: Search, ask: Callable[[], Awaitable[Sequence[Hit]]]) -> Sequence[Hit]:
        if not self._search_ttl:
            return await ask()
        now, changes = self._clock(), self._changes
        known = self._found.get(search)
        self._hit(known is not None and known.until > now)
        if known is not None and known.until > now:
            return [hit for hit in known.hits if hit.record.expires_at is None or hit.record.expires_at > now]
        hits = await ask()
        if changes != self._changes:
            return hits  # it may have been asked before a change that is known here
        self._found[search] = Found(hits, now + self._search_ttl)
        self._found.move_to_end(search)
        if len(self._found) > _REMEMBERED:
            self._found.popitem(last=False)
        return hits

    async def _looked_up(self, reach: Reach, ids: Sequence[str]) -> dict[str, Record]:
        if not ids:
            return {}
        try:
            copies = await self._cache.get(reach, ids)
        except GatewayError:
            return {}
        originals = (None if copy is None else self._original(copy) for copy in copies)
        return {record.id: record for record in originals if record is not None}

    async def _keep(self, records: Iterable[Record], began: datetime) -> bool:
        """Whether the cache has nothing older than these now."""
        wanted = list(records)
        kept = [each for each in wanted if not self._is_passed((each.scope.tenant, each.id))]
        if kept:
            try:
                await self._cache.put([self._copy(record, began + self._ttl) for record in kept])
            except GatewayError:
                return False
        for record in kept:
            if self._is_passed((record.scope.tenant, record.id)):  # since a moment ago
                await self._drop(Reach.only(record.scope), [record.id])
        return True

    async def _drop(self, reach: Reach, ids: Sequence[str]) -> None:
        """For the other processes: here they are passed by."""
        with suppress(GatewayError):
            await self._cache.delete(reach, ids)

    def _is_passed(self, id_: Id) -> bool:
        now, until = self._clock(), self._passed.get(id_)
        return now < self._all_passed or (until is not None and now < until)

    def _pass_by(self, ids: set[Id]) -> None:
        """From now on for a ttl. No search that has seen them before is an answer any more."""
        now = self._clock()
        for id_ in ids:
            self._passed[id_] = now + self._ttl
            self._passed.move_to_end(id_)
        while self._passed and (len(self._passed) > _REMEMBERED or next(iter(self._passed.values())) <= now):
            _, until = self._passed.popitem(last=False)
            self._all_passed = max(self._all_passed, until)  # more than can be remembered: then all of them
        self._forget({tenant for tenant, _ in ids})

    def forget_tenant(self, tenant: str) -> None:
        """Searches, whatever they found."""
        self._forget({tenant})

    def _forget(self, tenants: set[str]) -> None:
        """Searches of these tenants; the reach is the second part of each."""
        self._changes += 1
        for search in [each for each in self._found if each[1].tenant in tenants]:
            del self._found[search]

    def _copy(self, record: Record, end: datetime) -> Record:
        """All of it, to be kept until then, or as long as it lives."""
        ends = end if record.expires_at is None else min(end, record.expires_at)
        mark = Provenance(principal=self._source)
        bare = msgspec.structs.replace(record, text="", metadata={}, vector=None, provenance=mark)
        return msgspec.structs.replace(bare, body=msgspec.msgpack.encode(record), expires_at=ends)

    def _original(self, copy: Record) -> Record | None:
        """None for what was kept there by somebody else."""
        if copy.provenance.principal != self._source or copy.body is None:
            return None
        try:
            record = msgspec.msgpack.decode(copy.body, type=Record)
        except msgspec.DecodeError:
            raise Tampered("a cache holds something that is no copy of a record") from None
        if record.id != copy.id or record.scope != copy.scope:
            raise Tampered("a cache holds the copy of another record")
        return record
