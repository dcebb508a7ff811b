"""Records in Redis or Valkey, one server or a cluster: plain JSON under keys that end by themselves.

What is acknowledged survives the gateway; whether it survives the server is for that one's `appendfsync` to say. All
that a batch writes in one scope is written in one step, by scripts beside this file. The server must not evict keys at
will (`maxmemory-policy noeviction`, or `volatile-*` with care). Knows nothing of routes, ranking or sealing.
"""

from collections.abc import Sequence
from contextlib import AsyncExitStack
from typing import Any, ClassVar

from gateway.domain.ports import Capabilities, Kit, Page, Scan
from gateway.domain.record import Kind, Record
from gateway.domain.scope import Reach, Scope
from gateway.providers.redis.names import Names
from gateway.providers.redis.options import RedisOptions
from gateway.providers.redis.reading import Reading
from gateway.providers.redis.walking import Walking
from gateway.providers.redis.wire import Wire
from gateway.providers.redis.writing import Writing
from gateway.providers.winnowing import winnowed

__all__ = ["Redis"]


class Redis:
    """A put is atomic for each scope; with `max_messages` it keeps the newest so many messages of a session.

    With a ttl, what is put ends so long after it was put, at the latest; sessions end as a whole, so long after the last
    put into them. Nothing is ranked here: a route's search reads the scope and ranks it itself.
    """

    type_name: ClassVar[str] = "redis"
    Options: ClassVar[type[Any]] = RedisOptions
    requires: ClassVar[dict[str, str]] = {"redis": "redis", "hiredis": "redis"}
    schemes: ClassVar[dict[str, str]] = {"redis": "url", "rediss": "url"}

    def __init__(self, options: RedisOptions, kit: Kit) -> None:
        names = Names(options.prefix)
        self._clock = kit.clock
        self._wire = Wire(options, kit.name)
        self._writing = Writing(self._wire, names, options, kit.clock)
        self._reading = Reading(self._wire, names, ends=options.ttl is not None)
        self._walking = Walking(self._wire, names, self._reading)

    @classmethod
    def capabilities(cls, options: Any) -> Capabilities:
        """No search of its own and no counting: both would need modules, or a place that every write goes through."""
        return Capabilities(
            kinds=frozenset(Kind), revised=True, pinged=True, remote=True, durable=True, shared=True,
            replaces=not options.cluster,
        )  # fmt: skip

    async def open(self, stack: AsyncExitStack) -> None:
        """Connect. Unavailable where the server is not there or refuses."""
        await self._wire.open(stack)

    async def put(self, records: Sequence[Record]) -> Sequence[bool]:
        return await self._writing.put(records)

    async def replace(self, records: Sequence[Record], beside: Sequence[Record] = ()) -> Sequence[bool]:
        """As `put`. Of one server: in a cluster an id is claimed before it is known whether anything is there."""
        stored = await self._writing.put(records, over=True)
        if beside and all(stored):
            await self.put(beside)
        return stored

    async def get(self, reach: Reach, ids: Sequence[str]) -> Sequence[Record | None]:
        return await self._reading.get(reach, ids, self._clock()) if ids else []

    async def delete(self, reach: Reach, ids: Sequence[str]) -> int:
        """Atomic for each scope."""
        wanted = list(dict.fromkeys(ids))
        scope = reach.exact()
        if scope is not None or not wanted:
            return await self._writing.delete(scope, wanted) if scope is not None and wanted else 0
        owners: dict[Scope, list[str]] = {}
        for record in await self._reading.get(reach, wanted, self._clock()):
            if record is not None:
                owners.setdefault(record.scope, []).append(record.id)
        return sum([await self._writing.delete(owner, held) for owner, held in owners.items()])

    async def scan(self, reach: Reach, scan: Scan) -> Page:
        now = self._clock()
        return await winnowed(self._walking.walk(reach, scan, now), reach, scan, now)

    async def revision(self, reach: Reach) -> bytes:
        return await self._reading.revision(reach, self._clock())

    async def ping(self) -> None:
        await self._wire.ask("PING")
