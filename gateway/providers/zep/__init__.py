"""Records in Zep, through its version 4 API: kept whole as episodes and thread messages, and learned from as Zep does.

A memory is a text episode and a message is a message of a thread, both in the graph of the Zep user that stands for the
scope's owner; everything else of a record is in the metadata. Reads by id and lists see what was acknowledged at once;
Zep's search sees it when Zep has taken it in (`wait: true` waits for that). Knows nothing of routes or strategies.
"""

from collections.abc import Sequence
from contextlib import AsyncExitStack
from typing import Any, ClassVar, Final

import msgspec

from gateway.domain.ports import Brief, Capabilities, Hit, Kit, Learned, Page, Scan, Where
from gateway.domain.record import KINDS_OF, Family, Kind, Record
from gateway.domain.scope import Reach
from gateway.providers.zep.briefing import Briefing
from gateway.providers.zep.calls import Calls
from gateway.providers.zep.facts import Facts
from gateway.providers.zep.known import Known
from gateway.providers.zep.ledger import Ledger
from gateway.providers.zep.options import ZepOptions
from gateway.providers.zep.owners import Owners
from gateway.providers.zep.reading import Reading
from gateway.providers.zep.threads import Threads
from gateway.providers.zep.writing import Writing

__all__ = ["Zep"]

_KINDS: Final = KINDS_OF[Family.MEMORY] | KINDS_OF[Family.MESSAGE]


class Zep:
    type_name: ClassVar[str] = "zep"
    Options: ClassVar[type[Any]] = ZepOptions
    requires: ClassVar[dict[str, str]] = {"zep_cloud": "zep"}

    def __init__(self, options: ZepOptions, kit: Kit) -> None:
        self._options = options
        self._clock = kit.clock
        known = Known()
        self._calls = Calls(options, kit.name)
        self._owners = Owners(self._calls, options.prefix, kit.name)
        ledger = Ledger(self._calls, self._owners, options, kit.name)
        threads = Threads(self._calls, ledger, kit.name)
        self._facts = None if options.scope == "episodes" else Facts(self._calls, self._owners, ledger, options)
        self._reading = Reading(self._calls, self._owners, ledger, self._facts, known, options)
        self._writing = Writing(self._owners, ledger, threads, known, kit.name)
        self._briefing = Briefing(self._calls, self._owners, threads)

    @classmethod
    def capabilities(cls, options: Any) -> Capabilities:  # noqa: ARG003 -- the same for all options
        return Capabilities(
            kinds=_KINDS,
            relevant=True,
            extracts=True,
            briefs=True,
            pinged=True,
            sweeps=True,
            remote=True,
            durable=True,
            attested=True,
            shared=True,
        )

    async def open(self, stack: AsyncExitStack) -> None:
        """Nothing is sent: Zep is asked when something is to be known."""
        await self._calls.open(stack)

    async def put(self, records: Sequence[Record]) -> Sequence[bool]:
        """Each record whole or not at all; a batch record by record.

        With `wait`, DeadlineExceeded where Zep has stored all of it and not taken it in in time.
        """
        if not records:
            return []
        answers, tasks = await self._writing.put(records, self._clock(), self.get)
        if self._options.wait:
            await self._calls.settled(tasks)
        return answers

    async def get(self, reach: Reach, ids: Sequence[str]) -> Sequence[Record | None]:
        return await self._reading.get(reach, ids, self._clock()) if ids else []

    async def delete(self, reach: Reach, ids: Sequence[str]) -> int:
        """Returns when Zep no longer shows what was deleted."""
        if not ids:
            return 0
        wanted = list(dict.fromkeys(ids))
        deleted = await self._writing.delete(reach, wanted, self._clock())
        if self._facts is not None:
            deleted += await self._facts.delete(reach, wanted, self._clock())
        return deleted

    async def scan(self, reach: Reach, scan: Scan) -> Page:
        """Reads all of the kinds asked for in the reach: Zep has no order of ours to page by."""
        return await self._reading.scan(reach, scan, self._clock())

    async def sweep(self, limit: int) -> int:
        """Removes, beside what has expired, what Zep was told and learned nothing from."""
        if self._facts is not None:
            async for shelf in self._owners.every():
                await self._facts.prune(shelf, self._clock())
        return await self._writing.sweep(limit, self._clock())

    async def relevant(self, reach: Reach, question: str, where: Where, limit: int) -> Sequence[Hit]:
        return await self._reading.relevant(reach, question, where, limit, self._clock())

    async def extract(self, records: Sequence[Record], *, wait: bool) -> Sequence[Learned]:
        """With `scope: episodes` what was said is itself what can be read; else it is the facts or entities."""
        if not records:
            return []
        if self._facts is not None:
            shelf = await self._owners.made(records[0].scope, learned=True)
            return await self._facts.tell(shelf, records, self._clock(), wait=wait)
        memories = [msgspec.structs.replace(record, kind=Kind.MEMORY) for record in records]
        answers, tasks = await self._writing.put(memories, self._clock(), self.get)
        if wait:
            await self._calls.settled(tasks)
        return [
            Learned(id=record.id, text=record.text, event="ADD" if stored else "NONE")
            for record, stored in zip(memories, answers, strict=True)
        ]

    async def brief(self, reach: Reach, question: str) -> Brief:
        """Empty where the reach is about several owners, where Zep has nothing yet, and without `auto_summarize`."""
        return await self._briefing.brief(reach, question) if self._options.auto_summarize else Brief()

    async def ping(self) -> None:
        await self._calls(lambda zep: zep.project.get())
