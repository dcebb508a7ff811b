"""Whatever fails, and in whatever order things are delivered, all targets come to the same, and no deletion is undone.

A deletion counts as made when it was acknowledged; nothing that was deleted may be there at the end, unless its id was
used again. What was acknowledged and not deleted is there. Each story is one seed.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import cast

import msgspec
import pytest

from gateway.chain.failover import Failover
from gateway.chain.failover import Side as Named
from gateway.chain.mirrored import Mirror, Mirrored
from gateway.domain.errors import GatewayError
from gateway.domain.ports import Provider, Replaces
from gateway.domain.record import Record
from gateway.domain.scope import Reach
from gateway.testing.making import Maker, Time
from tests.chain.outbox import MemoryOutbox
from tests.chain.sides import Mood, Side

STORIES = 100
STEPS = 40
MOODS: tuple[Mood, ...] = ("well", "away", "forgets to answer")


class Story:
    """A primary, a standby, an asynchronous mirror and one that must confirm. One writer; deliveries beside it."""

    def __init__(self, seed: int, *, standby: bool, hasty: bool = False, forgetful: bool = False) -> None:
        self.chance = random.Random(seed)
        self.clock = Time()
        self.make = Maker(self.clock, f"story {seed}")
        self.sides = {name: Side(name, self.clock, seed) for name in ("primary", "standby", "lazy", "strict")}
        if not standby:
            del self.sides["standby"]
        for side in self.sides.values():
            side.share = 0.3
        self.sides["primary"].turns = 8  # more than others take: much happens while a change is under way
        self.outbox = MemoryOutbox({name: side.provider for name, side in self.sides.items()}, seed)
        self.outbox.hasty, self.outbox.forgetful = hasty, forgetful
        self.chain = self._chain(self._later)
        self.live: dict[str, Record] = {}  # as acknowledged last
        self.gone: set[str] = set()  # acknowledged deletions
        self.unsure: set[str] = set()  # the last change failed: it may have been made or not
        self.slots = [self.make.record().id for _ in range(6)]
        self.writes = self.failed = 0

    def _later(self) -> datetime:
        return self.make.record().created_at

    def _chain(self, later: Callable[[], datetime]) -> Provider:
        named = {name: side.provider for name, side in self.sides.items()}
        followers = [name for name in named if name != "primary"]
        inner = named["primary"]
        if "standby" in named:
            sides = [Named(name=name, provider=named[name]) for name in ("primary", "standby")]
            inner = Failover(sides, self.outbox, later, lambda _: None, followers).provider
        mirrors = [
            Mirror(name=name, provider=named[name], ack="all" if name == "strict" else "async") for name in followers
        ]
        return Mirrored("primary", inner, mirrors, self.outbox, later).provider

    async def told(self) -> None:
        for _ in range(STEPS):
            side = self.chance.choice(list(self.sides.values()))
            side.mood = self.chance.choice(MOODS)
            await asyncio.gather(self._change(), self._deliver())
            self.clock.forward(milliseconds=self.chance.randrange(5))
        for side in self.sides.values():
            side.mood = "well"
        await self.outbox.deliver_all(repeats=0 if self.outbox.hasty else 2)

    async def _deliver(self) -> None:
        for _ in range(self.chance.randrange(6)):
            await asyncio.sleep(0)  # some come while the change is under way
        if self.outbox.hasty:
            await self.outbox.deliver_some(100)
        else:
            await self.outbox.deliver_some(self.chance.randrange(4), repeats=self.chance.randrange(2))

    async def _change(self) -> None:
        id_ = self.chance.choice(self.slots)
        known = self.live.get(id_)
        if known is not None and self.chance.random() < 0.35:
            await self._delete(known)
        else:
            # What is not known to be there is added anew under its id, as a repeated request with a key does.
            text, now = f"text {self.chance.random()}", self._later()
            new = self.make.record(text, id=id_) if known is None else msgspec.structs.replace(
                known, text=text, updated_at=now, version=known.version + 1
            )  # fmt: skip
            replaces = known is not None and self.chance.random() < 0.5
            await self._put(new, cast("Replaces", self.chain).replace if replaces else self.chain.put)

    async def _put(self, record: Record, write: Callable[[Sequence[Record]], Awaitable[Sequence[bool]]]) -> None:
        self.writes += 1
        try:
            (stored,) = await write([record])
        except GatewayError:
            self.failed += 1
            self.unsure.add(record.id)
            return
        if stored:
            self.live[record.id] = record
            self.gone.discard(record.id)
            self.unsure.discard(record.id)
        else:
            self.unsure.add(record.id)  # the side that answered has it; one that was cut off may have taken it

    async def _delete(self, record: Record) -> None:
        self.writes += 1
        try:
            await self.chain.delete(Reach.only(record.scope), [record.id])
        except GatewayError:
            self.failed += 1
            self.unsure.add(record.id)
            return
        del self.live[record.id]
        self.gone.add(record.id)
        self.unsure.discard(record.id)

    async def differences(self) -> int:
        first, *others = [await side.records(self.make.tenant) for side in self.sides.values()]
        return sum(first.get(id_) != other.get(id_) for other in others for id_ in first | other)

    async def undone(self) -> int:
        held = [await side.records(self.make.tenant) for side in self.sides.values()]
        return sum(id_ in each for id_ in self.gone - self.unsure for each in held)

    async def lost(self) -> int:
        held = [await side.records(self.make.tenant) for side in self.sides.values()]
        return sum(id_ not in each for id_ in self.live.keys() - self.unsure for each in held)


class Sum(msgspec.Struct):
    writes: int = 0
    failed: int = 0
    delivered: int = 0
    differences: int = 0
    undone: int = 0
    lost: int = 0
    seeds: list[int] = []


async def tell(stories: int, *, standby: bool, hasty: bool = False, forgetful: bool = False) -> Sum:
    total = Sum()
    for seed in range(stories):
        story = Story(seed, standby=standby, hasty=hasty, forgetful=forgetful)
        await story.told()
        found = (await story.differences(), await story.undone(), await story.lost())
        total.writes += story.writes
        total.failed += story.failed
        total.delivered += len(story.outbox.done)
        total.differences += found[0]
        total.undone += found[1]
        total.lost += found[2]
        if any(found):
            total.seeds.append(seed)
    return total


@pytest.mark.parametrize("standby", [False, True], ids=["mirrors", "failover"])
async def test_all_targets_come_to_the_same_and_no_deletion_is_undone(
    standby: bool, figure: Callable[[str], None]
) -> None:
    total = await tell(STORIES, standby=standby)
    figure(
        f"P12 in process ({'failover and mirrors' if standby else 'mirrors'}): {STORIES} stories, {total.writes} changes, "
        f"{total.failed} of them failed, {total.delivered} deliveries: {total.differences} differences, "
        f"{total.undone} deletions undone, {total.lost} acknowledged records lost"
    )
    assert (total.differences, total.undone, total.lost) == (0, 0, 0), total.seeds


async def test_it_would_notice_if_what_is_held_were_delivered_at_once_or_deletions_forgotten() -> None:
    assert (await tell(40, standby=True, forgetful=True)).seeds
    assert (await tell(40, standby=False, hasty=True)).seeds
