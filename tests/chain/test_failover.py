"""While a side is away the next one answers, and what the first has missed is owed to it before another takes it."""

import asyncio
from datetime import timedelta

import pytest

from gateway.chain.failover import Failover
from gateway.chain.failover import Side as Named
from gateway.domain.errors import Invalid, Unavailable
from gateway.domain.scope import Reach
from gateway.testing.making import Maker, Time, scanned
from tests.chain.outbox import MemoryOutbox
from tests.chain.sides import Side


class Scene:
    def __init__(self, *names: str, followers: tuple[str, ...] = ()) -> None:
        self.clock = Time()
        self.make = Maker(self.clock)
        self.sides = [Side(name, self.clock) for name in names]
        self.outbox = MemoryOutbox({side.name: side.provider for side in self.sides})
        self.moved: list[str] = []
        named = [Named(name=each.name, provider=each.provider) for each in self.sides if each.name not in followers]
        self.chain = Failover(
            named, self.outbox, lambda: self.make.record().created_at, self.moved.append, followers
        ).provider

    async def same(self) -> bool:
        first, *others = [await side.records(self.make.tenant) for side in self.sides]
        return all(each == first for each in others)


async def test_the_first_side_that_answers_answers_and_is_asked_again_by_the_next_call() -> None:
    scene = Scene("a", "b")
    a, b = scene.sides
    record = scene.make.record()
    assert await scene.chain.put([record]) == [True]
    assert (scene.moved, b.calls, scene.outbox.held) == ([], [], [])
    a.mood = "away"
    assert await scene.chain.get(Reach.only(record.scope), [record.id]) == [None]
    assert scene.moved == ["a"]
    a.mood = "well"
    assert await scene.chain.get(Reach.only(record.scope), [record.id]) == [record]
    assert scene.moved == ["a"]


async def test_a_side_that_was_away_is_owed_what_it_missed_before_another_takes_it() -> None:
    scene = Scene("a", "b")
    a, b = scene.sides
    a.mood, b.gate = "away", asyncio.Event()
    writing = asyncio.create_task(scene.chain.put([scene.make.record()]))
    await asyncio.sleep(0.01)
    assert [(each.source, each.target) for each in scene.outbox.held] == [("b", "a")] and not scene.outbox.due
    b.gate.set()
    await writing
    a.mood = "well"
    await scene.outbox.deliver_all()
    assert await scene.same() and len(await a.records(scene.make.tenant)) == 1


async def test_a_deletion_that_a_side_missed_is_made_there_when_it_is_back() -> None:
    scene = Scene("a", "b")
    record = scene.make.record()
    for side in scene.sides:
        await side.memory.put([record])
    scene.sides[0].mood = "away"
    assert await scene.chain.delete(Reach.only(record.scope), [record.id]) == 1
    scene.sides[0].mood = "well"
    await scene.outbox.deliver_all()
    assert await scene.same() and not await scene.sides[0].holds(record)


async def test_what_a_side_may_still_be_doing_is_looked_at_once_more() -> None:
    """A write that was given up may land after a deletion that the next side made."""
    for watchful in (True, False):
        scene = Scene("a", "b")
        a, b = scene.sides
        record = scene.make.record()
        await b.memory.put([record])
        a.mood = "away"
        await scene.chain.delete(Reach.only(record.scope), [record.id])
        a.mood = "well"
        await scene.outbox.deliver_some(10)
        assert not scene.outbox.due and scene.outbox.held
        await a.memory.put([record])  # late
        if not watchful:
            scene.outbox.held.clear()
        await scene.outbox.deliver_all()
        assert await a.holds(record) is not watchful


async def test_a_refusal_is_an_answer() -> None:
    scene = Scene("a", "b")
    scene.sides[0].mood = "refuses"
    with pytest.raises(Invalid):
        await scene.chain.put([scene.make.record()])
    with pytest.raises(Invalid):
        await scanned(scene.chain, Reach.only(scene.make.scope()))
    assert scene.sides[1].calls == [] and scene.moved == []


async def test_where_nothing_can_be_owed_no_other_side_takes_it() -> None:
    scene = Scene("a", "b", "c")
    scene.sides[0].mood = "away"
    scene.outbox.away = True
    with pytest.raises(Unavailable) as told:
        await scene.chain.put([scene.make.record()])
    assert told.value.code == "not_owed"
    assert scene.sides[1].calls == scene.sides[2].calls == [] and scene.moved == ["a"]


async def test_of_three_each_that_was_passed_by_and_each_follower_is_owed_it_once() -> None:
    scene = Scene("a", "b", "c", "m", followers=("b", "c", "m"))
    scene = Scene("a", "b", "c", "m", followers=("m",))
    a, b, _, _ = scene.sides
    a.mood = b.mood = "away"
    await scene.chain.put([scene.make.record()])
    assert sorted((each.source, each.target) for each in set(scene.outbox.due)) == [
        ("b", "a"), ("b", "m"), ("c", "a"), ("c", "b"), ("c", "m"),
    ]  # fmt: skip
    a.mood = b.mood = "well"
    await scene.outbox.deliver_all()
    assert await scene.same() and len(await a.records(scene.make.tenant)) == 1


async def test_when_nobody_answers_the_last_one_says_so_and_nothing_differs_afterwards() -> None:
    for mood in ("away", "forgets to answer"):
        scene = Scene("a", "b")
        kept = scene.make.record()
        for side in scene.sides:
            await side.memory.put([kept])
            side.mood = mood  # type: ignore[assignment]
        newer = scene.make.record("newer", id=kept.id, version=2, updated_at=kept.updated_at + timedelta(seconds=1))
        with pytest.raises(Unavailable, match="b "):
            await scene.chain.put([newer])
        with pytest.raises(Unavailable):
            await scene.chain.delete(Reach.only(kept.scope), [kept.id])
        for side in scene.sides:
            side.mood = "well"
        await scene.outbox.deliver_all()
        assert await scene.same()
