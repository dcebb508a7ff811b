"""A change of the primary reaches every mirror, and a write waits for as many of them as it says."""

import asyncio
from typing import Any

import pytest

from gateway.chain.mirrored import Ack, Mirror, Mirrored
from gateway.domain.errors import Unavailable
from gateway.domain.ports import Learned
from gateway.domain.scope import Reach
from gateway.testing.making import Maker, Time
from tests.chain.outbox import MemoryOutbox
from tests.chain.sides import Side


class Scene:
    """A primary and mirrors with these acks, named m0, m1 and so on."""

    def __init__(self, *acks: Ack) -> None:
        self.clock = Time()
        self.make = Maker(self.clock)
        self.primary = Side("primary", self.clock)
        self.mirrors = [Side(f"m{number}", self.clock) for number in range(len(acks))]
        everyone = [self.primary, *self.mirrors]
        self.outbox = MemoryOutbox({side.name: side.provider for side in everyone})
        named = [
            Mirror(name=each.name, provider=each.provider, ack=ack)
            for each, ack in zip(self.mirrors, acks, strict=True)
        ]
        self.link = Mirrored(
            "primary", self.primary.provider, named, self.outbox, lambda: self.make.record().created_at
        )
        self.chain = self.link.provider

    async def same(self) -> bool:
        wanted = await self.primary.records(self.make.tenant)
        return all([await each.records(self.make.tenant) == wanted for each in self.mirrors])


async def test_an_asynchronous_mirror_gets_it_later_and_is_owed_it_before_the_primary_is_asked() -> None:
    scene = Scene("async")
    scene.primary.gate = asyncio.Event()
    record = scene.make.record()
    writing = asyncio.create_task(scene.chain.put([record]))
    await asyncio.sleep(0.01)
    assert len(scene.outbox.held) == 1 and not scene.outbox.due
    scene.primary.gate.set()
    assert await writing == [True]
    assert scene.mirrors[0].calls == [] and scene.outbox.due
    await scene.outbox.deliver_all()
    assert await scene.same() and await scene.mirrors[0].holds(record)


async def test_what_is_delivered_while_the_write_is_under_way_would_be_missed() -> None:
    for hasty in (False, True):
        scene = Scene("async")
        scene.outbox.hasty = hasty
        scene.primary.gate = asyncio.Event()
        writing = asyncio.create_task(scene.chain.put([scene.make.record()]))
        await asyncio.sleep(0.01)
        assert bool(scene.outbox.due) is hasty
        delivering = asyncio.create_task(scene.outbox.deliver_some(10))
        await asyncio.sleep(0.01)
        scene.primary.gate.set()
        await asyncio.gather(writing, delivering)
        await scene.outbox.deliver_all()
        assert await scene.same() or hasty


async def test_without_an_outbox_that_keeps_it_the_change_is_not_made() -> None:
    scene = Scene("async")
    scene.outbox.away = True
    with pytest.raises(Unavailable):
        await scene.chain.put([scene.make.record()])
    assert await scene.primary.records(scene.make.tenant) == {}


async def test_a_process_that_dies_between_the_primary_and_its_mirror_leaves_something_owed() -> None:
    for ack in ("async", "quorum", "all"):
        scene = Scene(ack)  # type: ignore[arg-type]
        scene.mirrors[0].gate = asyncio.Event()
        writing = asyncio.create_task(scene.chain.put([scene.make.record()]))
        await asyncio.sleep(0.01)
        writing.cancel()
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()
        await asyncio.gather(writing, return_exceptions=True)
        scene.mirrors[0].gate = None
        assert not await scene.same()
        await scene.outbox.deliver_all()
        assert await scene.same()


async def test_a_write_waits_for_all_and_says_who_does_not_have_it() -> None:
    scene = Scene("all", "all")
    record = scene.make.record()
    await scene.chain.put([record])
    assert await scene.same()
    scene.mirrors[1].mood = "away"
    with pytest.raises(Unavailable, match="m1; it will follow") as told:
        await scene.chain.put([scene.make.record()])
    assert told.value.code == "unconfirmed"
    scene.mirrors[1].mood = "well"
    await scene.outbox.deliver_all()
    assert await scene.same() and len(await scene.primary.records(scene.make.tenant)) == 2


@pytest.mark.parametrize(("away", "confirmed"), [(0, True), (1, True), (2, False)])
async def test_a_quorum_is_the_majority_of_the_primary_and_its_voters(away: int, confirmed: bool) -> None:
    scene = Scene("quorum", "quorum")
    for each in scene.mirrors[:away]:
        each.mood = "away"
    ended = (await asyncio.gather(scene.chain.put([scene.make.record()]), return_exceptions=True))[0]
    assert isinstance(ended, Unavailable) is not confirmed
    for each in scene.mirrors:
        each.mood = "well"
    await scene.outbox.deliver_all()
    assert await scene.same()


async def test_a_quorum_does_not_wait_for_the_slowest() -> None:
    scene = Scene("quorum", "quorum")
    scene.mirrors[0].gate = asyncio.Event()
    async with asyncio.timeout(2):
        await scene.chain.put([scene.make.record()])
    scene.mirrors[0].gate.set()
    await scene.link.settle()
    assert await scene.same()
    strict = Scene("all", "quorum")  # and does wait for one that it must have
    strict.mirrors[0].gate = asyncio.Event()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1):
            await strict.chain.put([strict.make.record()])
    strict.mirrors[0].gate.set()
    await strict.link.settle()


async def test_a_mirror_that_refuses_is_one_that_does_not_have_it() -> None:
    scene = Scene("quorum", "quorum")
    scene.mirrors[0].mood = "refuses"
    assert await scene.chain.put([scene.make.record()]) == [True]
    scene.mirrors[1].mood = "refuses"
    with pytest.raises(Unavailable) as told:
        await scene.chain.put([scene.make.record()])
    assert told.value.code == "unconfirmed"


async def test_a_mirror_gets_nothing_that_the_primary_refused() -> None:
    scene = Scene("all")
    record = scene.make.record("mine", scene.make.scope("ann"))
    await scene.primary.memory.put([record])
    stolen = scene.make.record("taken", scene.make.scope("bob"), id=record.id)
    assert await scene.chain.put([stolen]) == [False]
    assert not await scene.mirrors[0].holds(stolen)
    repeated = scene.make.record("other words", record.scope, id=record.id)
    assert await scene.chain.put([repeated]) == [False]  # what the primary has is what is confirmed
    assert await scene.same() and await scene.mirrors[0].holds(record)


@pytest.mark.parametrize("ack", ["async", "quorum", "all"])
async def test_a_deletion_reaches_every_mirror_and_nothing_older_comes_back(ack: Ack) -> None:
    scene = Scene(ack)
    record = scene.make.record()
    await scene.chain.put([record])
    await scene.outbox.deliver_all()
    old = list(scene.outbox.done)
    assert await scene.chain.delete(Reach.only(record.scope), [record.id]) == 1
    await scene.outbox.deliver_all()
    scene.outbox.due += old * 3
    await scene.outbox.deliver_all(repeats=3)
    assert not await scene.mirrors[0].holds(record) and not await scene.primary.holds(record)


async def test_a_deletion_that_was_cut_off_is_completed_everywhere() -> None:
    for mood in ("away", "forgets to answer"):
        scene = Scene("async")
        record = scene.make.record()
        await scene.chain.put([record])
        await scene.outbox.deliver_all()
        scene.primary.mood = mood  # type: ignore[assignment]
        with pytest.raises(Unavailable):
            await scene.chain.delete(Reach.only(record.scope), [record.id])
        scene.primary.mood = "well"
        await scene.outbox.deliver_all()
        assert await scene.same() and not await scene.primary.holds(record)


async def test_what_is_learned_is_owed_and_what_is_unlearned_is_gone() -> None:
    scene = Scene("async")
    kept, dropped = scene.make.record("kept"), scene.make.record("dropped")
    await scene.chain.put([kept, dropped])
    await scene.outbox.deliver_all()

    async def extract(records: Any, *, wait: bool) -> list[Learned]:
        del records, wait
        newer = scene.make.record("kept, and more", id=kept.id, version=2)
        await scene.primary.memory.put([newer])
        await scene.primary.memory.delete(Reach.only(dropped.scope), [dropped.id])
        return [
            Learned(id=kept.id, text="", event="UPDATE"),
            Learned(id=dropped.id, text="", event="DELETE"),
            Learned(id="nothing", text="", event="NONE"),
        ]

    scene.primary.provider.extract = extract  # type: ignore[attr-defined]
    chain: Any = scene.chain
    await chain.extract([scene.make.record("hello")], wait=True)
    await scene.outbox.deliver_all()
    assert await scene.same()
    assert {text for _, text in (await scene.mirrors[0].records(scene.make.tenant)).values()} == {"kept, and more"}
