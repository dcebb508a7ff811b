"""Every change of the primary goes to its mirrors as well: at once, or as something owed.

What a write waits for is each mirror's `ack`. Every change is owed to every mirror, whatever its `ack`, before the primary
is written: a process that dies in between leaves something to look up, never a change that nobody knows of. So all of
them come to the same state. Reads are the primary's. Knows no queue.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Literal, TypeVar, cast

import msgspec

from gateway.chain.through import Through, Verb
from gateway.domain.errors import Unavailable
from gateway.domain.ids import Clock
from gateway.domain.outbox import Intent, Outbox
from gateway.domain.ports import Extracts, Learned, Provider, Replaces
from gateway.domain.record import Record
from gateway.domain.scope import Reach, Scope

Result = TypeVar("Result")
Ack = Literal["async", "quorum", "all"]


class Mirror(msgspec.Struct, frozen=True, kw_only=True):
    name: str  # the key of its provider
    provider: Provider
    ack: Ack = "async"


class Mirrored:
    """`provider` is what the routes get; `name` the primary's key, `inner` the primary or what stands before it.

    `now` gives times that are later than those of all records made before: the deletions' own.
    """

    def __init__(self, name: str, inner: Provider, mirrors: Sequence[Mirror], outbox: Outbox, now: Clock) -> None:
        self.provider: Provider = Through(self._around, self)
        self._name = name
        self._inner = inner
        self._mirrors = tuple(mirrors)
        self._waited = [each for each in mirrors if each.ack != "async"]
        self._voters = [each.name for each in mirrors if each.ack == "quorum"]
        self._outbox = outbox
        self._now = now
        self._under_way: set[asyncio.Task[bool]] = set()

    async def put(self, records: Sequence[Record]) -> Sequence[bool]:
        """What the primary stored. Unavailable where too few mirrors confirm; what was written stays, and is owed."""
        return await self._stored(lambda: self._inner.put(records), records, ())

    async def replace(self, records: Sequence[Record], beside: Sequence[Record] = ()) -> Sequence[bool]:
        """As `put`; of what was deleted meanwhile nothing is owed but a look, which finds nothing."""
        replaces = cast("Replaces", self._inner)
        return await self._stored(lambda: replaces.replace(records, beside), records, beside)

    async def delete(self, reach: Reach, ids: Sequence[str]) -> int:
        """What the primary removed. The mirrors that are waited for are told at once, all others what is owed."""
        owed = await self._owe({reach: list(ids)}, self._now())
        removed = await self._made(self._inner.delete(reach, ids), owed)
        if self._waited:
            await self._confirmed(lambda mirror: mirror.delete(reach, ids), owed)
        return removed

    async def extract(self, records: Sequence[Record], *, wait: bool) -> Sequence[Learned]:
        """What was learned is owed when it is known, which is after the primary has it."""
        learned = await cast("Extracts", self._inner).extract(records, wait=wait)
        if records:
            reach = Reach.only(records[0].scope)
            for gone in (False, True):
                ids = [each.id for each in learned if each.event != "NONE" and (each.event == "DELETE") is gone]
                if ids:
                    owed = await self._owe({reach: ids}, self._now() if gone else None)
                    self._outbox.settled([intent for intents in owed.values() for intent in intents])
        return learned

    async def settle(self) -> None:
        """Returns when nothing is under way."""
        while self._under_way:
            await asyncio.wait(self._under_way)

    async def _around(self, _verb: Verb, call: Callable[[Any], Awaitable[Result]]) -> Result:
        return await call(self._inner)

    async def _stored(
        self, write: Callable[[], Awaitable[Sequence[bool]]], records: Sequence[Record], beside: Sequence[Record]
    ) -> Sequence[bool]:
        owed = await self._owe(written([*records, *beside]))
        stored = await self._made(write(), owed)
        if self._waited:
            current = [*await self._current(records, stored), *(beside if all(stored) else ())]
            await self._confirmed(lambda mirror: mirror.put(current), owed)
        return stored

    async def _made(self, change: Awaitable[Result], owed: Mapping[str, list[Intent]]) -> Result:
        """The primary's part. What nobody waits for can be looked up from here on."""
        unwaited = [intent for each in self._mirrors if each.ack == "async" for intent in owed[each.name]]
        try:
            result = await change
        except Exception:
            self._outbox.settled([intent for intents in owed.values() for intent in intents], again=True)
            raise
        self._outbox.settled(unwaited)
        return result

    async def _current(self, records: Sequence[Record], stored: Sequence[bool]) -> list[Record]:
        """What the primary has now: a mirror gets nothing that the primary has refused."""
        current = [record for record, new in zip(records, stored, strict=True) if new]
        for reach, ids in written([each for each, new in zip(records, stored, strict=True) if not new]).items():
            current += [record for record in await self._inner.get(reach, ids) if record is not None]
        return current

    async def _confirmed(
        self, write: Callable[[Provider], Awaitable[Any]], owed: Mapping[str, Sequence[Intent]]
    ) -> None:
        """Returns when every `all` mirror and, of the primary and the `quorum` ones, the majority have it. Those that
        are not waited for any more go on."""
        tasks = {asyncio.create_task(self._told(each, write, owed[each.name])): each for each in self._waited}
        for task in tasks:
            self._under_way.add(task)
            task.add_done_callback(self._under_way.discard)
        pending, away = set(tasks), set[str]()
        while pending:
            done, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
            away |= {tasks[task].name for task in done if not task.result()}
            unheard = {tasks[task].name for task in pending}
            if self._suffices(away | unheard):
                return
            if not self._suffices(away):
                break
        names = ", ".join(sorted(away))
        raise Unavailable(f"the write is not confirmed by {names}; it will follow there", code="unconfirmed")

    def _suffices(self, without: set[str]) -> bool:
        confirmed = 1 + sum(name not in without for name in self._voters)
        if any(each.ack == "all" and each.name in without for each in self._waited):
            return False
        return 2 * confirmed > 1 + len(self._voters)

    async def _told(self, mirror: Mirror, write: Callable[[Provider], Awaitable[Any]], owed: Sequence[Intent]) -> bool:
        try:
            await write(mirror.provider)
        except Exception:  # noqa: BLE001 - whatever it is, the mirror does not have it, and is owed it
            self._outbox.settled(owed, again=True)
            return False
        self._outbox.settled(owed)
        return True

    async def _owe(self, changed: Mapping[Reach, Sequence[str]], at: datetime | None = None) -> dict[str, list[Intent]]:
        """By mirror. Those that are waited for are owed it too: who waits may not live to see them fail."""
        owed = {
            each.name: [
                Intent(source=self._name, target=each.name, reach=reach, ids=tuple(ids), gone=at)
                for reach, ids in changed.items()
            ]
            for each in self._mirrors
        }
        await self._outbox.intend([intent for intents in owed.values() for intent in intents])
        return owed


def written(records: Sequence[Record]) -> dict[Reach, list[str]]:
    scopes: dict[Scope, list[str]] = {}
    for record in records:
        scopes.setdefault(record.scope, []).append(record.id)
    return {Reach.only(scope): ids for scope, ids in scopes.items()}
