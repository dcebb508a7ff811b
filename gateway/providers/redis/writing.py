"""Putting and deleting: one script for each scope, and in a cluster the steps around it that keep ids and indexes true.

Knows no connections and reads no records.
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

import msgspec

from gateway.domain.ids import Clock
from gateway.domain.record import Kind, Record
from gateway.domain.scope import Scope
from gateway.providers.redis.claims import Claims, claim_for
from gateway.providers.redis.names import SESSION, Names, Owner, Parts, micros
from gateway.providers.redis.options import RedisOptions
from gateway.providers.redis.rows import Row, row_of
from gateway.providers.redis.wire import Argument, Wire

_MS: Final = timedelta(milliseconds=1)


class Writing:
    def __init__(self, wire: Wire, names: Names, options: RedisOptions, clock: Clock) -> None:
        self._wire = wire
        self._names = names
        self._claims = Claims(wire, names)
        self._ttl = None if options.ttl is None else max(_MS, timedelta(seconds=options.ttl))
        self._session_ms = "" if self._ttl is None else str(self._ttl // _MS)
        self._claim_ms = "" if self._ttl is None else str(2 * (self._ttl // _MS))
        self._most = options.max_messages or 0
        self._clock = clock

    async def put(self, records: Sequence[Record], *, over: bool = False) -> list[bool]:
        """Atomic for each scope; scopes in the order in which the batch names them. With `over`, only in the place of
        what lives."""
        places: dict[Scope, list[int]] = {}
        for index, record in enumerate(records):
            places.setdefault(record.scope, []).append(index)
        stored = [False] * len(records)
        for scope, indexes in places.items():
            told = await self._put(self._names.owner(scope), [records[index] for index in indexes], over=over)
            for index, answer in zip(indexes, told, strict=True):
                stored[index] = answer
        return stored

    async def delete(self, scope: Scope, ids: Sequence[str]) -> int:
        owner = self._names.owner(scope)
        arguments: list[Argument] = [micros(self._clock()), owner.tag, owner.of, *ids]
        if not self._wire.cluster:
            count, _ = await self._wire.run("delete", self._keys(owner), arguments)
            return int(count)
        stamps = await self._claims.stamps(owner, ids)
        count, gone = await self._wire.run("delete", self._keys(owner), arguments)
        went = {id_.decode() for id_ in gone}
        await self._claims.release(owner, {id_: stamp for id_, stamp in stamps.items() if id_ in went})
        return int(count)

    async def _put(self, owner: Owner, records: Sequence[Record], *, over: bool) -> list[bool]:
        now = self._clock()
        rows = [row_of(record, now, self._ttl) for record in records]
        lasting: tuple[Argument, Argument] = ("", "")
        if self._ttl is not None:
            lasting = (self._session_ms, micros(now + self._ttl))
        head: list[Argument] = [micros(now), owner.tag, owner.of, _parts(owner.scope), *lasting, self._most, int(over)]
        if self._wire.cluster:
            return await self._put_in_steps(owner, head, rows)
        told, _, _ = await self._wire.run("put", self._keys(owner), _with(head, rows))
        return [bool(each) for each in told]

    async def _put_in_steps(self, owner: Owner, head: Sequence[Argument], rows: Sequence[Row]) -> list[bool]:
        parts, now = _parts(owner.scope), micros(self._clock())
        claims = {row.id: claim_for(row, self._claim_ms if Kind(row.kind) in SESSION else "") for row in rows}
        free = dict(
            zip(claims, await self._claims.take(owner, parts, now, list(claims.values())), strict=True)
        )  # fmt: skip
        mine = [row for row in rows if free[row.id]]
        if not mine:
            return [False] * len(rows)
        told, gone, renew = await self._wire.run("put", self._keys(owner), _with(head, mine))
        went = {id_.decode() for id_ in gone}
        stays = {row.id: claims[row.id] for row, new in zip(mine, told, strict=True) if new and row.id not in went}
        rivals = await self._claims.confirm(owner, parts, now, list(stays.values())) if stays else []
        lost = [id_ for id_, rival in zip(stays, rivals, strict=True) if rival]
        if lost:  # another scope took the id between the claim and the write
            await self._wire.run("delete", self._keys(owner), [now, owner.tag, owner.of, *lost])
        await self._claims.release(owner, dict.fromkeys(went, b""))
        await self._claims.release(owner, {id_.decode(): b"" for id_ in renew}, self._claim_ms)
        answers = iter(told)
        return [free[row.id] and bool(next(answers)) and row.id not in lost for row in rows]

    def _keys(self, owner: Owner) -> list[str]:
        base = self._names.base(owner.tag)
        return [base] if self._wire.cluster else [base, self._names.tenant(owner.scope.tenant)]


def _parts(scope: Scope) -> bytes:
    return msgspec.json.encode(Parts(scope.space, scope.user, scope.agent, scope.run))


def _with(head: Sequence[Argument], rows: Sequence[Row]) -> list[Argument]:
    return [*head, *(argument for row in rows for argument in row.arguments())]
