"""While writers go on, each change mirrored as a chain does it: the two sides end the same, and nothing deleted is back."""

import asyncio
import random
from collections.abc import Callable

import msgspec
import pytest

from gateway.domain.ports import Provider
from gateway.services.moving import copying
from gateway.services.moving.comparing import compared
from gateway.services.moving.moving import Moved, Mover
from gateway.services.moving.standing import Log
from gateway.services.moving.way import Way, whole
from tests.moving.stores import filled, memory, plain, real, way
from tests.moving.watched import Watched

MANY = 8_000
WRITERS = 4


class Mirroring:
    """Changes of one store that reach the other one a little later. One change of a record at a time."""

    def __init__(self, primary: Provider, mirror: Provider, chance: random.Random) -> None:
        self._sides = (primary, mirror)
        self._chance = chance
        self._free = {record.id: record for record in map(plain, range(MANY))}
        self.gone: list[str] = []
        self.written = 0

    async def write(self, until: asyncio.Event) -> None:
        while not until.is_set():
            self.written += 1
            record = self._free.pop(self._chance.choice(list(self._free)))
            if self._chance.random() < 0.25:
                for side in self._sides:
                    await asyncio.sleep(self._chance.random() * 0.002)
                    await side.delete(whole("acme"), [record.id])
                self.gone.append(record.id)
                continue
            newer = msgspec.structs.replace(
                record, text=f"at {self.written}", version=record.version + 1, updated_at=real()
            )
            for side in self._sides:
                await asyncio.sleep(self._chance.random() * 0.002)
                await side.put([newer])
            self._free[newer.id] = newer


async def moved_while_written(used: Way, mirroring: Mirroring) -> Moved:
    done = asyncio.Event()

    async def breath(_number: int) -> None:
        await asyncio.sleep(0.02)

    def quiet(*_told: object) -> None:
        return

    async def move() -> Moved:
        slow = msgspec.structs.replace(
            used, source=Watched(used.source, after_scan=breath), target=Watched(used.target, before_put=breath)
        )
        try:
            return await Mover(slow, Log(None, "a", "b", "p"), real, quiet, pause=0.05).move("acme", live=True)
        finally:
            done.set()

    async with asyncio.TaskGroup() as group:
        moving = group.create_task(move())
        for _ in range(WRITERS):
            group.create_task(mirroring.write(done))
    return moving.result()


async def test_a_live_move_ends_with_both_sides_the_same_while_writers_go_on(figure: Callable[[str], None]) -> None:
    async with memory() as old, memory() as new:
        await filled(old, [plain(number) for number in range(MANY)])
        mirroring = Mirroring(old, new, random.Random(5))
        moved = await moved_while_written(way(old, new), mirroring)
        assert moved.differences == ()
        assert (await compared(way(old, new), "acme")).same
        assert set(await new.get(whole("acme"), mirroring.gone)) == {None}
        assert mirroring.written > 100
    figure(f"live move of {MANY:,} records during {mirroring.written} mirrored writes: both sides the same")


async def test_without_looking_again_a_live_move_would_bring_back_what_was_deleted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def never(_way: Way, _tenant: str, _gone: object) -> None:
        return

    monkeypatch.setattr(copying, "_taken_back", never)
    async with memory() as old, memory() as new:
        await filled(old, [plain(number) for number in range(MANY)])
        mirroring = Mirroring(old, new, random.Random(5))
        moved = await moved_while_written(way(old, new), mirroring)
        back = {each.id for each in await new.get(whole("acme"), mirroring.gone) if each is not None}
        assert back & {each.id for each in moved.differences}
