"""Twenty tenants with hostile ids do everything at random: nobody ever meets anybody else."""

import random
from collections.abc import Callable
from pathlib import Path

import pytest
from qdrant_client import models

from gateway.domain.record import Record
from gateway.domain.scope import Reach
from gateway.providers.qdrant import Qdrant, points
from gateway.testing.hostile import IDS
from gateway.testing.making import MEMORIES, Maker, one, scanned, unit
from tests.promises.doors import Inside
from tests.promises.insides import insides
from tests.promises.intruder import Intruder
from tests.promises.sizes import operations
from tests.promises.tenancy import configuration, members
from tests.servers.qdrant import Server

SEED = 3_102


async def test_tenants_never_meet(
    server: Server, collection: str, tmp_path: Path, figure: Callable[[str], None]
) -> None:
    everyone = members(20, random.Random(SEED))
    provider = f"type: qdrant, url: '{server.url}', collection: '{collection}'"
    async with insides(tmp_path, configuration(everyone, provider)) as inside:
        intruder = Intruder(Inside(inside.snapshot), everyone, SEED)
        await intruder.run(operations(2_000))
    figure(
        f"{len(intruder.crossings)} crossings in {intruder.done.total()} operations by 20 tenants (qdrant, seed {SEED})"
    )
    assert intruder.crossings == []
    assert intruder.mistakes == []
    assert inside.meters.breaches == {}
    assert intruder.done.total() >= operations(2_000)


async def crossings(provider: Qdrant, make: Maker) -> list[str]:
    """Users named like wildcards, paths and look-alikes ask for each other's records in every way there is."""
    query = unit([1.0] * 8)
    users = [id_ for id_ in IDS if len(id_) < 100]
    mine = {user: make.record("tea", make.scope(user), id=f"of {n}", vector=query) for n, user in enumerate(users)}
    await provider.put(list(mine.values()))
    found: list[str] = []

    def check(user: str, records: list[Record], verb: str) -> None:
        found.extend(f"{user!r} {verb}" for each in records if each.scope.user != user)

    for user in users:
        reach = Reach.only(make.scope(user))
        check(user, await scanned(provider, reach), "scans")
        check(user, [hit.record for hit in await provider.nearest(reach, query, MEMORIES, 100)], "searches")
        check(user, [hit.record for hit in await provider.matching(reach, ["tea"], MEMORIES, 100)], "matches")
        got = await provider.get(reach, [each.id for each in mine.values()])
        check(user, [each for each in got if each is not None], "gets")
        assert await one(provider, mine[user]) == mine[user]
    for user in users:
        deleted = await provider.delete(Reach.only(make.scope(user)), [each.id for each in mine.values()])
        found.extend([f"{user!r} deletes"] * (deleted - 1))
    return found


async def test_no_id_reaches_what_is_another_s(provider: Qdrant, make: Maker) -> None:
    assert await crossings(provider, make) == []


def everybody(_reach: Reach) -> list[models.Condition]:
    """The condition that keeps nobody out."""
    return []


async def test_without_the_condition_on_the_scope_others_are_reached(
    provider: Qdrant, make: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(points, "reached", everybody)
    assert any("deletes" in each for each in await crossings(provider, make))
