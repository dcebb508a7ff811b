"""Several providers read as one: of an id the newest counts, pages are in order, and who is away is left out."""

import random
from typing import Any

import msgspec
import pytest

from gateway.chain.merged import How, Merged, Reader
from gateway.domain.errors import Invalid, Unavailable
from gateway.domain.filters import Compare
from gateway.domain.ports import Order, Where
from gateway.domain.record import Record
from gateway.domain.scope import Reach
from gateway.testing.making import MEMORIES, Maker, Time, everything, pages, scanned, unit
from tests.chain.sides import KINDS, Side


class Scene:
    def __init__(self, *hows: How) -> None:
        self.clock = Time()
        self.make = Maker(self.clock)
        self.first = Side("first", self.clock)
        self.readers = [Side(f"r{number}", self.clock) for number in range(len(hows))]
        self.missed: list[str] = []
        named = [
            Reader(name=each.name, provider=each.provider, merge=how)
            for each, how in zip(self.readers, hows, strict=True)
        ]
        self.chain: Any = Merged(self.first.provider, named, self.missed.append).provider
        self.reach = Reach.only(self.make.scope())

    async def get(self, *records: Record) -> list[str | None]:
        found = await self.chain.get(self.reach, [record.id for record in records])
        return [record.text if record else None for record in found]


async def test_what_is_written_goes_to_the_first_and_what_is_read_comes_from_all() -> None:
    scene = Scene("union")
    new, old = scene.make.record("new"), scene.make.record("old")
    await scene.chain.put([new])
    await scene.readers[0].memory.put([old])
    assert await scene.first.holds(new) and not await scene.readers[0].holds(new)
    assert await scene.get(new, old) == ["new", "old"]
    assert {record.text for record in await scanned(scene.chain, scene.reach)} == {"new", "old"}


async def test_first_means_only_where_nothing_was_found_before_it() -> None:
    scene = Scene("first")
    new, old = scene.make.record("new tea"), scene.make.record("old tea")
    await scene.readers[0].memory.put([old])
    assert await scene.get(old) == ["old tea"]
    assert [record.text for record in await scanned(scene.chain, scene.reach)] == ["old tea"]
    assert [hit.record.text for hit in await scene.chain.matching(scene.reach, ["tea"], MEMORIES, 5)] == ["old tea"]
    await scene.chain.put([new])
    scene.readers[0].calls.clear()
    assert [record.text for record in await scanned(scene.chain, scene.reach)] == ["new tea"]
    assert [hit.record.text for hit in await scene.chain.matching(scene.reach, ["tea"], MEMORIES, 5)] == ["new tea"]
    assert scene.readers[0].calls == []
    assert await scene.get(new, old) == ["new tea", "old tea"], "by id, each is looked for by itself"


@pytest.mark.parametrize("limit", [1, 2, 3, 100])
async def test_the_end_of_what_was_found_is_no_reason_to_look_elsewhere(limit: int) -> None:
    scene = Scene("first")
    older = scene.make.records(4)
    await scene.readers[0].memory.put(older)
    assert len(await scanned(scene.chain, scene.reach, limit=limit)) == 4
    newer = scene.make.records(4)
    await scene.chain.put(newer)
    found = await scanned(scene.chain, scene.reach, limit=limit)
    assert {record.id for record in found} == {record.id for record in newer}


@pytest.mark.parametrize("order", list(Order))
async def test_pages_of_any_size_are_in_order_and_complete(order: Order) -> None:
    for seed in range(20):
        chance = random.Random(seed)
        scene = Scene("union", "rrf")
        records = scene.make.records(30)
        for record in records:
            sides = chance.sample([scene.first, *scene.readers], chance.randint(1, 3))
            for side in sides:
                await side.memory.put([record])
        wanted = [record.id for record in records]
        for limit in (1, 2, 7, 30, 100):
            found = await pages(scene.chain, scene.reach, limit=limit, order=order)
            ids = [record.id for page in found for record in page.records]
            assert ids == (wanted if order is Order.OLDEST else wanted[::-1]), f"seed {seed}, {limit}"
            assert all(len(page.records) <= limit for page in found)


async def test_of_one_id_the_newest_version_counts_even_where_only_an_older_one_fits() -> None:
    scene = Scene("union")
    old = scene.make.record("likes tea", metadata={"topic": "tea"}, vector=unit([1, 0]))
    new = msgspec.structs.replace(
        old, text="likes coffee", metadata={"topic": "coffee"}, version=2, vector=unit([0, 1])
    )
    await scene.readers[0].memory.put([old])
    where = Where(KINDS, Compare("eq", "tea", path=("topic",)))
    assert len(await scanned(scene.chain, scene.reach, where)) == 1
    await scene.chain.put([new])
    assert await scene.get(old) == ["likes coffee"]
    assert await scanned(scene.chain, scene.reach, where) == []
    assert await scene.chain.matching(scene.reach, ["tea"], MEMORIES, 5) == []
    found = await scene.chain.nearest(scene.reach, unit([1, 0]), MEMORIES, 5)
    assert [hit.record.text for hit in found] == ["likes coffee"]
    assert await scene.chain.nearest(scene.reach, unit([1, 0]), where, 5) == []


async def test_ranks_are_fused_because_scores_do_not_compare() -> None:
    scene = Scene("rrf")
    both, alone = scene.make.record("both", vector=unit([0.6, 0.8])), scene.make.record("alone", vector=unit([1, 0]))
    await scene.first.memory.put([both, alone])
    await scene.readers[0].memory.put([both])
    found = await scene.chain.nearest(scene.reach, unit([1, 0]), MEMORIES, 5)
    assert [hit.record.text for hit in found] == ["both", "alone"]
    assert [hit.score for hit in found] == pytest.approx([1 / 62 + 1 / 61, 1 / 61])
    plain = Scene("union")
    await plain.first.memory.put([both, alone])
    await plain.readers[0].memory.put([both])
    reach = Reach.only(both.scope)
    assert [hit.record.text for hit in await plain.chain.nearest(reach, unit([1, 0]), MEMORIES, 5)] == ["alone", "both"]


async def test_a_reader_that_is_away_is_left_out_and_told_and_the_first_one_is_not() -> None:
    for how in ("union", "first"):
        scene = Scene(how)  # type: ignore[arg-type]
        scene.readers[0].mood = "away"
        record = scene.make.record()
        assert await scene.get(record) == [None]
        assert await scanned(scene.chain, scene.reach) == []
        assert scene.missed == ["r0", "r0"]
        scene.first.mood = "away"
        with pytest.raises(Unavailable, match="first"):
            await scene.get(record)
        scene.first.mood, scene.readers[0].mood = "well", "refuses"
        with pytest.raises(Invalid):
            await scanned(scene.chain, scene.reach)


async def test_nothing_outside_the_reach_is_merged_in() -> None:
    scene = Scene("union")
    mine, other = scene.make.record("mine"), scene.make.record("bob's", scene.make.scope("bob"))
    await scene.readers[0].memory.put([mine, other])
    assert await scene.get(mine, other) == ["mine", None]
    assert len(await scanned(scene.chain, scene.reach)) == 1
    assert len(await scanned(scene.chain, everything(scene.make.tenant))) == 2
