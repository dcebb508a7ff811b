"""Every change of the primary goes to its mirrors as well: at once, or as something owed.

What a write waits for is each mirror's `ack`. A change that a mirror misses is owed to it, whatever its `ack`, so that
all of them come to the same state. What is asynchronous is owed before the primary is written: a process that dies in
between leaves something to look up, never a change that nobody knows of. Reads are the primary's. Knows no queue.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Literal, TypeVar, cast

import msgspec

from gateway.chain.through import Through, Verb
from gateway.domain.errors import DeadlineExceeded, Unavailable
from gateway.domain.ids import Clock
from gateway.domain.outbox import Intent, Outbox
from gateway.domain.ports import Extracts, Learned, Provider
from gateway.domain.record import Record
from gateway.domain.scope import Reach, Scope

Result = TypeVar("Result")
Ack = Literal["async", "quorum", "all"]


class Mirror(msgspec.Struct, frozen=True, kw_only=True):
    name: str  # the key of its provider
    provider: Provider
    ack: Ack = "async"


class Mirrored:
    """`provider` is what the routes get; `name` the primary's key, `inner` the primary or what stands before it."""

    def __init__(self, name: str, inner: Provider, mirrors: Sequence[Mirror], outbox: Outbox, clock: Clock) -> None:
        self.provider: Provider = Through(self._around, self)
        self._name = name
        self._inner = inner
        self._mirrors = tuple(mirrors)
        self._outbox = outbox
        self._clock = clock

    async def put(self, records: Sequence[Record]) -> Sequence[bool]:
        """What the primary stored. Unavailable where too few mirrors confirm; what was written stays, and is owed."""
        owed = written(records)
        await self._owe(owed, [each.name for each in self._mirrors if each.ack == "async"])
        stored = await self._inner.put(records)
        await self._confirmed(lambda mirror: mirror.put(records), owed)
        return stored

    async def delete(self, reach: Reach, ids: Sequence[str]) -> int:
        """What the primary removed. The mirrors that are waited for are told at once, all others what is owed."""
        owed = {reach: list(ids)}
        at = self._clock()
        await self._owe(owed, [each.name for each in self._mirrors], at)
        removed = await self._inner.delete(reach, ids)
        await self._confirmed(lambda mirror: mirror.delete(reach, ids), owed, at)
        return removed

    async def extract(self, records: Sequence[Record], *, wait: bool) -> Sequence[Learned]:
        """What was learned is owed when it is known, which is after the primary has it."""
        learned = await cast("Extracts", self._inner).extract(records, wait=wait)
        if learned and records:
            ids = [each.id for each in learned]
            await self._owe({Reach.only(records[0].scope): ids}, [each.name for each in self._mirrors])
        return learned

    async def _around(self, _verb: Verb, call: Callable[[Any], Awaitable[Result]]) -> Result:
        return await call(self._inner)

    async def _confirmed(
        self, write: Callable[[Provider], Awaitable[Any]], owed: Mapping[Reach, list[str]], at: datetime | None = None
    ) -> None:
        """Returns when every `all` mirror and, of the primary and the `quorum` ones, the majority have it."""
        waited = [each for each in self._mirrors if each.ack != "async"]
        if not waited:
            return
        ended = await asyncio.gather(*(write(each.provider) for each in waited), return_exceptions=True)
        away = {each.name for each, end in zip(waited, ended, strict=True) if isinstance(end, BaseException)}
        await self._owe(owed, sorted(away), at)
        for end in ended:
            if isinstance(end, BaseException) and not isinstance(end, Unavailable | DeadlineExceeded):
                raise end
        voters = [each.name for each in waited if each.ack == "quorum"]
        confirmed = 1 + len([name for name in voters if name not in away])
        if any(each.ack == "all" and each.name in away for each in waited) or 2 * confirmed <= 1 + len(voters):
            names = ", ".join(sorted(away))
            raise Unavailable(f"the write is not confirmed by {names}; it will follow there", code="unconfirmed")

    async def _owe(self, owed: Mapping[Reach, list[str]], targets: Sequence[str], at: datetime | None = None) -> None:
        intents = [
            Intent(source=self._name, target=target, reach=reach, ids=tuple(ids), gone=at)
            for target in targets
            for reach, ids in owed.items()
        ]
        if intents:
            await self._outbox.intend(intents)


def written(records: Sequence[Record]) -> dict[Reach, list[str]]:
    scopes: dict[Scope, list[str]] = {}
    for record in records:
        scopes.setdefault(record.scope, []).append(record.id)
    return {Reach.only(scope): ids for scope, ids in scopes.items()}
