"""A shadow gets every change in order, is compared for a share of the reads, and is never felt."""

import asyncio

import msgspec

from gateway.chain.shadowed import Comparison, Shadowed, Verdict
from gateway.domain.scope import Reach
from gateway.testing.making import MEMORIES, Maker, Time, scanned
from tests.chain.sides import Side


class Scene:
    def __init__(self, sample: float = 1.0) -> None:
        self.clock = Time()
        self.make = Maker(self.clock)
        self.main, self.shadow = Side("main", self.clock), Side("shadow", self.clock)
        self.told: list[Comparison] = []
        self.chances: list[float] = []
        self.link = Shadowed(
            self.main.provider,
            self.shadow.provider,
            sample,
            lambda: self.chances.pop(0) if self.chances else 0.0,
            self.told.append,
        )
        self.chain = self.link.provider

    def verdicts(self) -> list[Verdict]:
        return [each.verdict for each in self.told]


async def test_every_change_comes_to_the_shadow_in_the_order_of_the_changes() -> None:
    scene = Scene()
    for _ in range(30):
        record = scene.make.record()
        await scene.chain.put([record])
        await scene.chain.delete(Reach.only(record.scope), [record.id])
    await scene.link.settle()
    assert await scene.shadow.records(scene.make.tenant) == {}
    assert scene.shadow.calls == ["put", "delete"] * 30 and scene.told == []


async def test_the_same_is_the_same_and_what_differs_is_told_by_ids() -> None:
    scene = Scene()
    one, two, three = scene.make.records(3)
    reach = Reach.only(one.scope)
    await scene.chain.put([one, two])
    await scene.chain.get(reach, [one.id, two.id])
    await scanned(scene.chain, reach)
    await scene.link.settle()
    assert scene.verdicts() == [Verdict.SAME, Verdict.SAME]
    await scene.shadow.memory.delete(reach, [one.id])
    await scene.shadow.memory.put([three, msgspec.structs.replace(two, version=2)])
    found = await scanned(scene.chain, reach)
    await scene.link.settle()
    assert {record.id for record in found} == {one.id, two.id}, "what the shadow says is never returned"
    told = scene.told[-1]
    assert (told.verdict, told.missing, told.extra, told.other) == (Verdict.DIFFERS, (one.id,), (three.id,), (two.id,))
    assert "note" not in str(told)


async def test_a_shadow_that_is_away_hangs_or_refuses_is_never_felt() -> None:
    for mood in ("away", "refuses", "hangs"):
        scene = Scene()
        scene.shadow.mood = mood  # type: ignore[assignment]
        record = scene.make.record()
        async with asyncio.timeout(2):
            assert await scene.chain.put([record]) == [True]
            assert await scene.chain.get(Reach.only(record.scope), [record.id]) == [record]
        if mood != "hangs":
            await scene.link.settle()
            assert scene.verdicts() == [Verdict.FAILED] * 2


async def test_what_a_shadow_cannot_keep_up_with_is_left_out_and_counted() -> None:
    scene = Scene()
    scene.shadow.gate = asyncio.Event()
    for _ in range(80):
        await scene.chain.put([scene.make.record()])
    assert scene.verdicts() == [Verdict.LEFT_OUT] * 16
    scene.shadow.gate.set()
    await scene.link.settle()
    assert len(await scene.shadow.records(scene.make.tenant)) == 64


async def test_reads_are_compared_by_chance_and_changes_always_made() -> None:
    scene = Scene(sample=0.5)
    record = scene.make.record("tea")
    await scene.chain.put([record])
    scene.chances = [0.4, 0.6, 0.4]
    for _ in range(2):
        await scene.chain.get(Reach.only(record.scope), [record.id])
    await scene.chain.matching(Reach.only(record.scope), ["tea"], MEMORIES, 3)  # type: ignore[attr-defined]
    await scene.link.settle()
    assert scene.shadow.calls == ["put", "get", "matching"]
