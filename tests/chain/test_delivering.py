"""Deliveries in any order, twice and side by side bring a target to its source's state, and undo no deletion."""

from datetime import datetime

from gateway.chain.delivering import deliver
from gateway.domain.outbox import Intent
from gateway.domain.record import Record
from gateway.domain.scope import Reach
from gateway.testing.making import Maker, Time
from tests.chain.outbox import MemoryOutbox
from tests.chain.sides import Side


class Scene:
    def __init__(self) -> None:
        self.clock = Time()
        self.make = Maker(self.clock)
        self.source, self.target = Side("a", self.clock), Side("b", self.clock)
        self.outbox = MemoryOutbox({"a": self.source.provider, "b": self.target.provider})

    def intent(self, record: Record, gone: datetime | None = None, *, back: bool = False) -> Intent:
        ends = ("b", "a") if back else ("a", "b")
        return Intent(source=ends[0], target=ends[1], reach=Reach.only(record.scope), ids=(record.id,), gone=gone)

    async def delete(self, record: Record) -> Intent:
        """At the source, and owed."""
        self.clock.forward(seconds=1)
        intent = self.intent(record, self.clock())
        await self.outbox.intend([intent])
        await self.source.memory.delete(Reach.only(record.scope), [record.id])
        self.clock.forward(seconds=1)
        return intent

    async def deliver(self, *intents: Intent) -> None:
        for each in intents:
            await deliver(each, self.outbox.providers[each.source], self.outbox.providers[each.target], self.outbox)

    async def same(self) -> bool:
        return await self.source.records(self.make.tenant) == await self.target.records(self.make.tenant)


async def test_an_id_that_is_used_again_arrives_whichever_delivery_comes_first() -> None:
    for first in (0, 1):
        scene = Scene()
        old = scene.make.record("old", version=7)
        await scene.source.memory.put([old])
        await scene.deliver(scene.intent(old))
        gone = await scene.delete(old)
        new = scene.make.record("new", id=old.id, version=1)
        await scene.source.memory.put([new])
        both = [gone, scene.intent(new)]
        await scene.deliver(both[first], both[1 - first])
        assert await scene.same()
        assert await scene.target.records(scene.make.tenant) == {old.id: (1, "new")}


async def test_a_source_that_has_missed_a_deletion_gives_nothing_back() -> None:
    scene = Scene()
    old = scene.make.record("old")
    await scene.source.memory.put([old])
    await scene.delete(old)
    await scene.source.memory.put([old])  # as if it had been away
    await scene.deliver(scene.intent(old))
    assert not await scene.target.holds(old)
    scene.outbox.forgetful = True  # what remembering prevents
    await scene.deliver(scene.intent(old))
    assert await scene.target.holds(old)


async def test_two_records_of_one_version_become_one_whoever_is_asked_first() -> None:
    for backwards in (False, True):
        scene = Scene()
        first = scene.make.record("first", version=2)
        scene.clock.forward(seconds=1)
        later = scene.make.record("later", id=first.id, version=2)
        await scene.source.memory.put([first])
        await scene.target.memory.put([later])
        await scene.deliver(scene.intent(first, back=backwards))
        await scene.deliver(scene.intent(first, back=not backwards), scene.intent(first))
        assert await scene.same()
        assert await scene.target.records(scene.make.tenant) == {first.id: (3, "later")}


async def test_an_older_version_never_overtakes_and_a_repetition_changes_nothing() -> None:
    scene = Scene()
    old = scene.make.record("old")
    await scene.source.memory.put([old])
    newer = scene.make.record("newer", id=old.id, version=2)
    await scene.target.memory.put([newer])
    await scene.deliver(scene.intent(old), scene.intent(old))
    assert await scene.target.records(scene.make.tenant) == {old.id: (2, "newer")}


async def test_a_deletion_that_did_not_come_to_its_end_is_completed_at_the_source() -> None:
    scene = Scene()
    record = scene.make.record()
    await scene.source.memory.put([record])
    gone = await scene.delete(record)
    await scene.source.memory.put([record])
    await scene.deliver(gone)
    assert not await scene.source.holds(record)
