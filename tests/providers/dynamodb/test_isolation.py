"""Twenty tenants whose ids are made to be taken for each other do everything at random: nobody meets anybody else."""

import random
from typing import Any

import pytest

from gateway.domain.record import Kind, Record
from gateway.domain.scope import Reach, Scope
from gateway.providers.dynamodb import Dynamodb
from gateway.testing import hostile
from gateway.testing.making import Maker, everything, scanned

TENANTS = 20
TURNS = 720  # each of several operations
IDS = ("a", "ab", "a#b", "#", "*", "memory#", "memory$", "~", '"', "-f.", "x" * 500, "\U0001f9e0", "\u00e9", "e\u0301")


class Walk:
    """`held` is what must be there, by tenant and id."""

    def __init__(self, provider: Any, make: Maker, seed: str) -> None:
        self._provider, self._make = provider, make
        self._random = random.Random(seed)
        self._tenants = [each for each in hostile.IDS if "\0" not in each][:TENANTS]
        self.held: dict[tuple[str, str], Record] = {}
        self.crossings: list[str] = []
        self.done = 0

    def _scope(self) -> Scope:
        pick = self._random.choice
        tenant = self._make.tenant + pick(self._tenants)
        return Scope(tenant, "default", pick(hostile.IDS[:12]), pick(("", "a", "#")), pick(("", "s1", "s12", "s1#2")))

    async def turn(self) -> None:
        await self._random.choice((self._put, self._put, self._get, self._delete, self._list))()

    async def _put(self) -> None:
        records: list[Record] = []
        for _ in range(self._random.randint(1, 8)):
            scope = self._scope()
            id_ = self._random.choice(IDS)
            old = self.held.get((scope.tenant, id_))
            version = old.version + 1 if old is not None else 1
            records.append(self._make.record(repr(scope), scope, id=id_, kind=Kind.MEMORY, version=version))
        stored = await self._provider.put(records)
        self.done += len(records)
        for record, new in zip(records, stored, strict=True):
            at = (record.scope.tenant, record.id)
            old = self.held.get(at)
            may = old is None or (old.scope == record.scope and record.version > old.version)
            if new != may:
                self.crossings.append(f"put {record.id!r} of {record.scope}: {new}, not {may}")
            if new:
                self.held[at] = record

    async def _get(self) -> None:
        scope = self._scope()
        ids = self._random.sample(IDS, 6)
        found = await self._provider.get(Reach.only(scope), ids)
        self.done += len(ids)
        for id_, record in zip(ids, found, strict=True):
            mine = self.held.get((scope.tenant, id_))
            if record != (mine if mine is not None and mine.scope == scope else None):
                self.crossings.append(f"get {id_!r} of {scope}")

    async def _delete(self) -> None:
        scope = self._scope()
        ids = self._random.sample(IDS, 6)
        deleted = await self._provider.delete(Reach.only(scope), ids)
        self.done += len(ids)
        mine = [
            (scope.tenant, id_) for id_ in ids if (held := self.held.get((scope.tenant, id_))) and held.scope == scope
        ]
        if deleted != len(mine):
            self.crossings.append(f"delete of {scope}: {deleted}, not {len(mine)}")
        for at in mine:
            del self.held[at]

    async def _list(self) -> None:
        scope = self._scope()
        wide = self._random.random() < 0.3
        reach = everything(scope.tenant) if wide else Reach.only(scope)
        found = {each.id: each for each in await scanned(self._provider, reach)}
        self.done += 1
        if found != {each.id: each for each in self.held.values() if reach.covers(each.scope)}:
            self.crossings.append(f"list of {reach}")


@pytest.mark.parametrize(
    "given", [{}, {"primary_key_name": "session_id", "sort_key_name": None}], ids=["sorted", "hash"]
)
async def test_three_thousand_hostile_operations_cross_nothing(
    given: dict[str, Any], stack: Any, settings: dict[str, Any], make: Maker, clock: Any
) -> None:
    from .conftest import opened

    provider = await opened(stack, {**settings, **given}, clock)
    turns = TURNS if not given else TURNS // 4  # the same over slower ground
    walk = Walk(provider, make, "walk")
    for _ in range(turns):
        await walk.turn()
    assert walk.done >= (700 if given else 3000)
    assert not walk.crossings
    for tenant in {each.scope.tenant for each in walk.held.values()}:
        found = {each.id: each for each in await scanned(provider, everything(tenant))}
        assert found == {id_: each for (owner, id_), each in walk.held.items() if owner == tenant}


async def test_a_provider_that_joins_ids_is_found_out(provider: Dynamodb, make: Maker) -> None:
    """The counter-test: the same walk over one that folds the parts of a scope into one text."""

    class Joining:
        def _folded(self, scope: Scope) -> Scope:
            return Scope(scope.tenant, "default", f"{scope.user}#{scope.agent}#{scope.run}".replace("##", "#"))

        async def put(self, records: list[Record]) -> Any:
            from msgspec.structs import replace

            return await provider.put([replace(each, scope=self._folded(each.scope)) for each in records])

        async def get(self, reach: Reach, ids: list[str]) -> Any:
            scope = reach.exact()
            assert scope is not None
            return await provider.get(Reach.only(self._folded(scope)), ids)

        async def delete(self, reach: Reach, ids: list[str]) -> int:
            scope = reach.exact()
            assert scope is not None
            return await provider.delete(Reach.only(self._folded(scope)), ids)

        async def scan(self, reach: Reach, scan: Any) -> Any:
            scope = reach.exact()
            return await provider.scan(reach if scope is None else Reach.only(self._folded(scope)), scan)

    walk = Walk(Joining(), make, "walk")
    for _ in range(60):
        await walk.turn()
    assert walk.crossings
