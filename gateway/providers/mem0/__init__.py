"""mem0 as a backend: its hosted platform, or its library in this process, with its own search and its own extraction.

mem0 checks no scope when it reads, changes or deletes by id, counts nothing, lists twenty unless told, and hides what
has expired by the day: all of that is done here. Records come back as they were put. Two gateways may use one mem0;
it has no conditional write, so of two that change one memory in the same moment the later wins. Knows nothing of
routes, ranking strategies or sealing.
"""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Any, ClassVar, Final

import msgspec

from gateway.domain.errors import GatewayError, Invalid, Unavailable
from gateway.domain.ports import Capabilities, Hit, Kit, Learned, Page, Scan, Where
from gateway.domain.record import KINDS_OF, Family, Kind, Record
from gateway.domain.scope import Reach
from gateway.providers.mem0.choosing import answers, page_of, within
from gateway.providers.mem0.faults import at_start, in_words
from gateway.providers.mem0.hosted import Hosted
from gateway.providers.mem0.inside import Inside
from gateway.providers.mem0.kept import Kept, newest_of_each, record_of
from gateway.providers.mem0.locks import Turns
from gateway.providers.mem0.options import Mem0Options, local_path
from gateway.providers.winnowing import lives, winnowed_hits

if TYPE_CHECKING:
    from gateway.providers.mem0.way import Way

__all__ = ["Mem0"]

_SPEAKERS: Final = frozenset({"system", "user", "assistant"})
_MOST: Final = 4_000  # memories asked of mem0's search before it is taken to have no more
_FEW: Final = 100  # memories read on the event loop
_replace = msgspec.structs.replace


class Mem0:
    """A write is a read, a comparison and a write: those of one id take turns within this process."""

    type_name: ClassVar[str] = "mem0"
    Options: ClassVar[type[Any]] = Mem0Options
    requires: ClassVar[dict[str, str]] = {"mem0": "mem0"}

    def __init__(self, options: Mem0Options, kit: Kit) -> None:
        self._options = options
        self._kit = kit
        self._turns = Turns()
        self._way: Way = (
            Hosted(options, kit.home, kit.name)
            if options.config is None
            else Inside(options, options.config, kit.home, kit.name)
        )
        self._open = False

    @classmethod
    def capabilities(cls, options: Any) -> Capabilities:
        path = local_path(options.config)
        return Capabilities(
            kinds=KINDS_OF[Family.MEMORY],
            relevant=True,
            extracts=options.config is None or "llm" in options.config,
            sweeps=True,
            pinged=True,
            remote=True,
            durable=True,
            attested=options.config is None,
            shared=path is None,
            exclusive=frozenset() if path is None else frozenset({f"file:{path}"}),
        )

    async def open(self, stack: AsyncExitStack) -> None:
        """Takes seconds. Unavailable, with mem0's own message, where it does not start."""
        try:
            await self._way.open(stack)
        except (asyncio.CancelledError, GatewayError):
            raise
        except Exception as error:  # noqa: BLE001 -- mem0 and its stores raise whatever they like
            raise at_start(error, self._kit.name, self._options.config) from None
        self._open = True
        stack.callback(self._shut)

    async def put(self, records: Sequence[Record]) -> Sequence[bool]:
        """Not atomic: where mem0 fails in the middle, some may be stored."""
        keys = {(each.scope.tenant, each.id) for each in records}
        async with self._asking(), self._turns.of(keys):
            there = await self._there(keys)
            stored, writes = answers(records, there, self._kit.clock())
            if writes:
                await self._way.write(writes)
            return stored

    async def get(self, reach: Reach, ids: Sequence[str]) -> Sequence[Record | None]:
        now = self._kit.clock()
        async with self._asking():
            found = await self._there({(reach.tenant, id_) for id_ in ids})
        records = {id_: record for (tenant, id_), (_, record) in found.items() if within(reach, tenant, record, now)}
        return [records.get(id_) for id_ in ids]

    async def delete(self, reach: Reach, ids: Sequence[str]) -> int:
        """One by one, and looked for afterwards: Unavailable where mem0 still has what it said it had deleted."""
        now = self._kit.clock()
        wanted = list(dict.fromkeys(ids))
        async with self._asking(), self._turns.of((reach.tenant, id_) for id_ in wanted):
            there = await self._within(reach, wanted)
            if not there:
                return 0
            count = sum(1 for _, record in newest_of_each(kept for kept, _ in there).values() if lives(record, now))
            await self._way.remove([kept.place for kept, _ in there])
            if await self._within(reach, list({record.id for _, record in there})):
                raise Unavailable(f"{self._kit.name}: mem0 still has what it was told to delete", code="not_deleted")
            return count

    async def _there(self, keys: set[tuple[str, str]]) -> dict[tuple[str, str], tuple[Kept, Record]]:
        """What is kept under each tenant and id; others may be among it."""
        by_tenant: dict[str, list[str]] = {}
        for tenant, id_ in keys:
            by_tenant.setdefault(tenant, []).append(id_)
        kept = [each for tenant, ids in by_tenant.items() for each in await self._way.find(tenant, ids)]
        return newest_of_each(kept) if len(kept) <= _FEW else await asyncio.to_thread(newest_of_each, kept)

    async def _within(self, reach: Reach, ids: Sequence[str]) -> list[tuple[Kept, Record]]:
        """Every memory of these ids inside the reach, expired ones and doubles included."""
        pairs = [(kept, record_of(kept)) for kept in await self._way.find(reach.tenant, ids)]
        known = set(ids)
        return [
            (kept, each) for kept, each in pairs if each is not None and each.id in known and reach.covers(each.scope)
        ]

    async def scan(self, reach: Reach, scan: Scan) -> Page:
        """Reads all that the reach holds: mem0 knows no order but its own."""
        now = self._kit.clock()
        async with self._asking():
            kept = [each for kind in sorted(scan.where.kinds & KINDS_OF[Family.MEMORY])
                    for each in await self._way.listed(reach, kind)]  # fmt: skip
            return await asyncio.to_thread(page_of, kept, reach, scan, now)

    async def relevant(self, reach: Reach, question: str, where: Where, limit: int) -> Sequence[Hit]:
        """Asks mem0 for more until enough of what it finds passes, or it finds no more."""
        now = self._kit.clock()
        if Kind.MEMORY not in where.kinds or not question.strip():
            return []
        asked = limit if where.filter is None else 4 * limit
        async with self._asking():
            while True:
                found = await self._way.search(reach, question, asked)
                scores = {kept.place: score for kept, score in found}
                newest = await asyncio.to_thread(newest_of_each, [kept for kept, _ in found])
                hits = [Hit(record, min(1.0, max(0.0, scores[kept.place]))) for kept, record in newest.values()]
                passed = winnowed_hits(hits, reach, where, now, limit)
                if len(passed) == limit or len(found) < asked or asked >= _MOST:
                    return passed
                asked = min(4 * asked, _MOST)

    async def extract(self, records: Sequence[Record], *, wait: bool) -> Sequence[Learned]:
        """What is learned lives as long as the shortest-lived of the messages, and has the metadata of the first."""
        if not self.capabilities(self._options).extracts:
            raise Invalid(
                f"{self._kit.name} has no `llm` in its `config`, so it does not extract", code="cannot_extract"
            )
        messages = [
            {"role": each.role or "user", "content": each.text}
            for each in records
            if (each.role or "user") in _SPEAKERS and each.text.strip()
        ]
        if not messages:
            return []
        ends = [each.expires_at for each in records if each.expires_at is not None]
        template = _replace(
            records[0], id="", kind=Kind.MEMORY, text="", body=None, role="", vector=None, version=1,
            created_at=records[-1].created_at, updated_at=records[-1].created_at, expires_at=min(ends, default=None),
        )  # fmt: skip
        async with self._asking():
            return await self._way.learn(messages, template, wait=wait)

    async def sweep(self, limit: int) -> int:
        now = self._kit.clock()
        async with self._asking():
            pairs = ((kept, record_of(kept)) for kept in await self._way.mortal())
            old = {(each.scope.tenant, each.id) for _, each in pairs if each is not None and not lives(each, now)}
            chosen = set(sorted(old)[:limit])
            async with self._turns.of(chosen):  # looked at again: some may have been written anew meanwhile
                found = await self._there(chosen)
                gone = [kept for key, (kept, each) in found.items() if key in chosen and not lives(each, now)]
                await self._way.remove([kept.place for kept in gone])
            return len(gone)

    async def ping(self) -> None:
        async with self._asking():
            await self._way.ping()

    @asynccontextmanager
    async def _asking(self) -> AsyncGenerator[None]:
        if not self._open:
            raise Unavailable(f"{self._kit.name} is not open", code="closed")
        try:
            yield
        except Exception as error:  # noqa: BLE001 -- mem0 and its stores raise whatever they like
            raise in_words(error, self._kit.name) from None

    def _shut(self) -> None:
        self._open = False
