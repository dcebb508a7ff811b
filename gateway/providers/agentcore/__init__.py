"""Amazon Bedrock AgentCore Memory: messages as its events, everything else of memory and sessions as its memory records.

The service has no conditional writes: writers of one gateway take turns, of several gateways the newest version counts
and the rest is cleared away by the next write. It has no order either: a scan lists the whole of what it may want, fifty
in a request. The id of a message is its session's own; other ids are a tenant's. Documents are kept whole
beside what the service itself reads. Knows nothing of routes, ranking strategies or sealing.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import datetime
from typing import Any, ClassVar, Final

from gateway.domain.ports import Capabilities, Hit, Kit, Order, Page, Scan, Where
from gateway.domain.record import KINDS_OF, Family, Kind, Record
from gateway.domain.scope import Reach, Scope, fingerprint
from gateway.providers.agentcore.events import Events
from gateway.providers.agentcore.learned import Learning
from gateway.providers.agentcore.longterm import Change, Longterm
from gateway.providers.agentcore.naming import Namespaces, actor_ids, session_ids
from gateway.providers.agentcore.options import AgentcoreOptions
from gateway.providers.agentcore.packing import Held, asked, is_event, key_of
from gateway.providers.agentcore.plane import Plane
from gateway.providers.aws import REQUIRES, connect
from gateway.providers.winnowing import lives, winnowed, winnowed_hits

__all__ = ["Agentcore"]

_KINDS: Final = KINDS_OF[Family.MEMORY] | KINDS_OF[Family.MESSAGE]
_LOCKS: Final = 64
_FEW: Final = 20  # ids that are looked for one by one
_BREATH: Final = 500  # records walked before others get a turn


class Agentcore:
    type_name: ClassVar[str] = "agentcore"
    Options: ClassVar[type[Any]] = AgentcoreOptions
    requires: ClassVar[dict[str, str]] = REQUIRES

    def __init__(self, options: AgentcoreOptions, kit: Kit) -> None:
        self._options = options
        self._kit = kit

    @classmethod
    def capabilities(cls, options: Any) -> Capabilities:  # noqa: ARG003 -- the same for all options
        return Capabilities(
            kinds=_KINDS,
            sweeps=True,
            relevant=True,
            pinged=True,
            remote=True,
            durable=True,
            shared=True,
            attested=True,
        )

    async def open(self, stack: AsyncExitStack) -> None:
        """Sends nothing: the memory is made by who pays for it."""
        options = self._options
        client = await connect(stack, "bedrock-agentcore", options, self._kit.name)
        plane = Plane(client, options.memory_id, options.connections, self._kit.name)
        actors, sessions = actor_ids(options.actor_id), session_ids(options.session_id)
        learned_from = bool(options.strategies)
        self._plane = plane
        self._events = Events(plane, actors, sessions, options.metadata_keys, learned_from=learned_from)
        self._longterm = Longterm(plane, Namespaces(options.namespace), options.strategy, options.metadata_keys)
        self._learning = Learning(plane, actors, sessions, options.strategies)
        self._locks = [asyncio.Lock() for _ in range(_LOCKS)]

    async def put(self, records: Sequence[Record]) -> Sequence[bool]:
        """Each record whole or not at all; where one fails, any of the others may be stored."""
        now = self._kit.clock()
        first: dict[tuple[str, str], Record] = {}
        for record in records:
            first.setdefault((record.scope.tenant, record.id), record)
        async with self._alone(first):
            found = await asyncio.gather(*map(self._rivals, first.values()))
            olds = dict(zip(first, found, strict=True))
            there = {place: _newest(each, now) for place, each in olds.items()}
            changed: dict[tuple[str, str], Record] = {}
            answers: list[bool] = []
            for record in records:
                place = (record.scope.tenant, record.id)
                old = there[place]
                answers.append(
                    old is None or not lives(old, now) or (old.scope == record.scope and old.version < record.version)
                )
                if answers[-1]:
                    there[place] = changed[place] = record
            changes = [Change(record, tuple(olds[place])) for place, record in changed.items()]
            await self._longterm.write([each for each in changes if not is_event(each.record.kind)])
            await asyncio.gather(*(self._say(each) for each in changes if is_event(each.record.kind)))
        return answers

    async def get(self, reach: Reach, ids: Sequence[str]) -> Sequence[Record | None]:
        now = self._kit.clock()
        found = await self._found(reach, ids)
        newest = {id_: _newest(held, now) for id_, held in found.items()}
        return [newest[id_] for id_ in ids]

    async def delete(self, reach: Reach, ids: Sequence[str]) -> int:
        now = self._kit.clock()
        async with self._alone((reach.tenant, id_) for id_ in ids):
            found = await self._found(reach, ids)
            there = sum(_newest(held, now) is not None for held in found.values())
            await self._drop([each for held in found.values() for each in held])
        return there

    async def scan(self, reach: Reach, scan: Scan) -> Page:
        held = await self._held(reach, scan.where)
        newest = scan.order is Order.NEWEST
        found = await asyncio.to_thread(_ordered, held, newest=newest)
        if scan.after is not None:
            bound = (scan.after.created_at, scan.after.id)
            found = [
                each
                for each in found
                if ((each.created_at, each.id) < bound if newest else (each.created_at, each.id) > bound)
            ]

        async def candidates() -> AsyncIterator[Sequence[Record]]:
            for start in range(0, len(found), _BREATH):
                yield found[start : start + _BREATH]
                await asyncio.sleep(0)

        return await winnowed(candidates(), reach, scan, self._kit.clock())

    async def relevant(self, reach: Reach, question: str, where: Where, limit: int) -> Sequence[Hit]:
        """Among the service's best hundred. Messages are not searched; what strategies learned of them is."""
        now, kinds = self._kit.clock(), where.kinds - {Kind.MESSAGE}
        if not question.strip() or not kinds:
            return []
        tags = asked(where.filter, self._options.metadata_keys)
        own = await self._longterm.relevant(reach, kinds, question[:10_000], tags)
        learned = await self._learning.relevant(reach, question[:10_000]) if Kind.MEMORY in kinds else []
        return winnowed_hits([*own, *learned], reach, where, now, limit)

    async def sweep(self, limit: int) -> int:
        """Asks for memory records that are due, and for events that have an expiry, in every session there is."""
        now = self._kit.clock()
        due = [*await self._longterm.due(now.timestamp()), *await self._events.due()]
        gone = [each for each in due if not lives(each.record, now)][:limit]
        await self._drop(gone)
        return len(gone)

    async def ping(self) -> None:
        await self._plane.ping()

    async def _rivals(self, record: Record) -> list[Held]:
        """Whatever stands where the record would."""
        if is_event(record.kind):
            tags = {"record": key_of(record.scope.tenant, record.id)}
            return await self._events.held(Reach.only(record.scope), tags)
        return await self._longterm.found(record.scope.tenant, record.id)

    async def _say(self, change: Change) -> None:
        await self._events.write(change.record)
        await asyncio.gather(*map(self._events.drop, change.olds))

    async def _found(self, reach: Reach, ids: Sequence[str]) -> dict[str, list[Held]]:
        """By id, of the reach. Messages are looked for where nothing else has the id."""
        wanted = list(dict.fromkeys(ids))
        answers = await asyncio.gather(*(self._longterm.found(reach.tenant, id_) for id_ in wanted))
        found = {
            id_: [each for each in held if reach.covers(each.record.scope)]
            for id_, held in zip(wanted, answers, strict=True)
        }
        missing = [id_ for id_, held in found.items() if not held]
        if len(missing) <= _FEW:
            for id_ in missing:
                found[id_] = await self._events.held(reach, {"record": key_of(reach.tenant, id_)})
        else:
            for each in await self._events.held(reach, {}):
                if each.record.id in found:
                    found[each.record.id].append(each)
        return found

    async def _held(self, reach: Reach, where: Where) -> list[Held]:
        """What may pass, and more."""
        tags = asked(where.filter, self._options.metadata_keys)
        found: list[Held] = []
        if where.kinds - {Kind.MESSAGE}:
            found += await self._longterm.held(reach, where.kinds - {Kind.MESSAGE}, tags)
        if Kind.MESSAGE in where.kinds:
            found += await self._events.held(reach, tags)
        return found

    async def _drop(self, gone: Sequence[Held]) -> None:
        await asyncio.gather(*(self._events.drop(each) for each in gone if is_event(each.record.kind)))
        await self._longterm.drop([each for each in gone if not is_event(each.record.kind)])

    @asynccontextmanager
    async def _alone(self, places: Any) -> AsyncGenerator[None]:
        """Alone, in this gateway, with these records."""
        numbers = sorted({int.from_bytes(fingerprint(*place)[:2]) % _LOCKS for place in places})
        async with AsyncExitStack() as stack:
            for number in numbers:
                await stack.enter_async_context(self._locks[number])
            yield


def _newest(held: Sequence[Held], now: datetime) -> Record | None:
    alive = [each.record for each in held if lives(each.record, now)]
    return max(alive, key=lambda each: each.version, default=None)


def _ordered(held: Sequence[Held], *, newest: bool) -> list[Record]:
    """The newest version of each, in order."""
    last: dict[tuple[str, Scope], Record] = {}
    for each in held:
        place = (each.record.id, each.record.scope)
        if place not in last or last[place].version < each.record.version:
            last[place] = each.record
    return sorted(last.values(), key=lambda each: (each.created_at, each.id), reverse=newest)
