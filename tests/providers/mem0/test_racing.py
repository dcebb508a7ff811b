"""Writers of one id at the same moment: mem0 has no conditional write, so within a process they take turns."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import pytest

from gateway.domain.record import Kind
from gateway.domain.scope import Reach
from gateway.providers.mem0 import Mem0
from gateway.providers.mem0.inside import Inside
from gateway.providers.mem0.kept import Write
from gateway.providers.mem0.locks import Turns
from gateway.testing.making import Maker, one, scanned

from .opening import way_of


async def _winners(mem0: Mem0, make: Maker) -> int:
    """How many of ten rivals for one version were told that they were stored."""
    first = make.record()
    rivals = [make.record(f"rival {n}", id=first.id) for n in range(10)]
    answers = await asyncio.gather(*(mem0.put([each]) for each in rivals))
    return sum(stored for (stored,) in answers)


async def test_one_of_many_rivals_wins(mem0: Mem0, make: Maker) -> None:
    assert await _winners(mem0, make) == 1


async def test_without_turns_several_would_win(mem0: Mem0, make: Maker, monkeypatch: pytest.MonkeyPatch) -> None:
    @asynccontextmanager
    async def none(*_: object) -> AsyncGenerator[None]:
        yield

    monkeypatch.setattr(Turns, "of", none)
    assert await _winners(mem0, make) > 1


async def test_doubles_that_two_gateways_left_are_one_record_and_are_deleted_together(mem0: Mem0, make: Maker) -> None:
    old = make.record("old")
    new = make.record("new", id=old.id, version=2, created_at=old.created_at)
    way = way_of(mem0)
    await way.write([Write(old)])
    await way.write([Write(new)])  # past the comparison, as another process would
    reach = Reach.only(old.scope)
    if not isinstance(way, Inside):  # in this process the second write lands on the first by its id
        assert len(await way.listed(reach, Kind.MEMORY)) == 2
    assert await one(mem0, old) == new
    assert await scanned(mem0, reach) == [new]
    assert await mem0.delete(reach, [old.id]) == 1
    assert await way.listed(reach, Kind.MEMORY) == []
