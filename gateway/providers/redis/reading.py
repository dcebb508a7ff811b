"""Getting records, and which scopes a reach covers. Knows no writing but one: scopes found empty leave the index."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from hashlib import sha256
from typing import Final, cast

import msgspec

from gateway.domain.errors import Tampered
from gateway.domain.record import Record
from gateway.domain.scope import Reach, Scope
from gateway.providers.documents import read
from gateway.providers.redis.names import Names, Parts, micros
from gateway.providers.redis.wire import Argument, Wire
from gateway.providers.winnowing import lives

_SCANNED: Final = 500  # index entries in one answer
_FORGOTTEN: Final = 100  # in one go


class Reading:
    """`ends`: sessions run out as a whole, so each answer is held against the session's own time."""

    def __init__(self, wire: Wire, names: Names, *, ends: bool) -> None:
        self._wire = wire
        self._names = names
        self._ends = ends

    async def get(self, reach: Reach, ids: Sequence[str], now: datetime) -> list[Record | None]:
        wanted = list(dict.fromkeys(ids))
        scope = reach.exact()
        if scope is not None:
            holders = {self._names.owner(scope).tag: wanted}
        else:
            holders = await self._holders(reach, wanted)
        found = await self.fetch(holders, now)
        kept = {
            id_: record for (_, id_), record in found.items() if reach.covers(record.scope) and lives(record, now)
        }  # fmt: skip
        return [kept.get(id_) for id_ in ids]

    async def fetch(self, wanted: Mapping[str, Sequence[str]], now: datetime) -> dict[tuple[str, str], Record]:
        """The records of each scope, by scope and id, whatever shelf they stand on. What is not there is left out."""
        commands: list[Sequence[Argument]] = []
        each_has = 3 if self._ends else 2
        for tag, ids in wanted.items():
            base = self._names.base(tag)
            commands.append(("MGET", *(f"{base}:r:{id_}" for id_ in ids)))
            commands.append(("HMGET", f"{base}:messages", *ids))
            if self._ends:
                commands.append(("HGET", f"{base}:session:meta", "until"))
        answers = await self._wire.ask_all(commands) if commands else []
        found: dict[tuple[str, str], Record] = {}
        for number, (tag, ids) in enumerate(wanted.items()):
            records, messages, *until = answers[each_has * number : each_has * (number + 1)]
            alive = not until or not _past(until[0], now)
            for id_, one, other in zip(ids, records, messages, strict=True):
                raw = one if one is not None else other if alive else None
                if raw is not None:
                    found[tag, id_] = _read(raw, id_)
        return found

    async def scopes(self, reach: Reach) -> dict[str, bytes]:
        """The covered scopes, each with what its index says; of an exact reach the one, looked up or not."""
        exact = reach.exact()
        if exact is not None:
            return {self._names.owner(exact).tag: b""}
        tenant = self._names.tenant(reach.tenant)
        key = f"{tenant}:scopes"
        if reach.space is not None and reach.user is not None:
            key = f"{tenant}:of:{self._names.of(reach.tenant, reach.space, reach.user)}"
        covered: dict[str, bytes] = {}
        cursor = 0
        while True:
            cursor, entries = await self._wire.ask("HSCAN", key, cursor, "COUNT", _SCANNED)
            for tag, entry in cast("dict[bytes, bytes]", entries).items():
                if reach.covers(_scope(reach.tenant, entry)):
                    covered[tag.decode()] = entry
            if int(cursor) == 0:
                return covered

    async def run_out(self, tags: Sequence[str], now: datetime) -> set[str]:
        """The scopes whose session is over, though the server may still have it."""
        if not self._ends or not tags:
            return set()
        keys = [("HGET", f"{self._names.base(tag)}:session:meta", "until") for tag in tags]
        return {tag for tag, until in zip(tags, await self._wire.ask_all(keys), strict=True) if _past(until, now)}

    async def forget(self, tenant: str, empty: Mapping[str, bytes]) -> None:
        """Take scopes that gave nothing out of the index, where they really hold nothing and nobody writes there."""
        some = list(empty.items())[:_FORGOTTEN]
        bases = [self._names.base(tag) for tag, _ in some]
        there = await self._wire.ask_all(
            [("EXISTS", f"{base}:records:index", f"{base}:session:index") for base in bases]
        )
        arguments: list[Argument] = []
        for (tag, entry), held in zip(some, there, strict=True):
            if not held:
                scope = _scope(tenant, entry)
                arguments += [tag, self._names.of(tenant, scope.space, scope.user), entry]
        if arguments:
            await self._wire.run("forget", [self._names.tenant(tenant)], arguments)

    async def revision(self, reach: Reach, now: datetime) -> bytes:
        tags = sorted(await self.scopes(reach))
        commands: list[Sequence[Argument]] = []
        for tag in tags:
            base = self._names.base(tag)
            commands.append(("HGET", f"{base}:records:meta", "revision"))
            commands.append(("HMGET", f"{base}:session:meta", "revision", "until"))
        answers = await self._wire.ask_all(commands) if commands else []
        digest = sha256()
        for tag, records, (session, until) in zip(tags, answers[::2], answers[1::2], strict=True):
            of_session = None if _past(until, now) else session
            if records is not None or of_session is not None:
                digest.update(b"%s %s %s;" % (tag.encode(), records or b"", of_session or b""))
        return digest.digest()

    async def _holders(self, reach: Reach, ids: Sequence[str]) -> dict[str, list[str]]:
        """Ids by the scope that has claimed them."""
        tenant = self._names.tenant(reach.tenant)
        held: dict[str, list[str]] = {}
        claims = await self._wire.ask("MGET", *(f"{tenant}:id:{id_}" for id_ in ids))
        for id_, claim in zip(ids, claims, strict=True):
            if claim is not None:
                held.setdefault(claim.split()[0].decode(), []).append(id_)
        return held


def _read(raw: bytes, id_: str) -> Record:
    record = read(raw)
    if record.id != id_:
        raise Tampered("a stored document stands under another record's key")
    return record


def _scope(tenant: str, entry: bytes) -> Scope:
    """Of an index entry: a stamp, then the parts."""
    try:
        parts = msgspec.json.decode(entry.partition(b" ")[2], type=Parts)
    except msgspec.DecodeError:
        raise Tampered("an index of scopes cannot be read") from None
    return Scope(tenant, parts.space, parts.user, parts.agent, parts.run)


def _past(until: bytes | None, now: datetime) -> bool:
    return until is not None and int(until) <= micros(now)
