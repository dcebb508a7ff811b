"""Writes on top of a checkpoint: the first of a name stays, all come back in order, and they go with their checkpoint."""

import asyncio
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from gateway.config.model import Checkpoints as CheckpointSettings
from gateway.config.model import Layer, Limits
from gateway.domain.errors import Invalid, TooLarge
from gateway.domain.units import Size
from gateway.services.checkpoints.pruning import PRUNE, Prune
from gateway.services.checkpoints.putting import PUT, NewCheckpoint
from gateway.services.checkpoints.reading import LATEST, LIST, CheckpointListing, OneCheckpoint, OneRun
from gateway.services.checkpoints.removing import DELETE, DELETE_RUN
from gateway.services.checkpoints.writes import LIST as LIST_WRITES
from gateway.services.checkpoints.writes import PUT as PUT_WRITES
from gateway.services.checkpoints.writes import NewWrite, NewWrites, WritesOf
from tests.unit.calling import PROVIDERS, Desk, open_desk, plain, raw


@pytest.fixture(params=PROVIDERS)
async def desk(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncGenerator[Desk]:
    async with open_desk(request.param, tmp_path) as opened:
        yield opened


async def write(
    desk: Desk, checkpoint: str, states: dict[str, Any], *, replace: bool = False, run: str = "r1", user: str = "ann"
) -> int:
    writes = [
        NewWrite(write_id=name, state=raw(msgspec.json.encode(state).decode()), replace=replace)
        for name, state in states.items()
    ]
    request = NewWrites(checkpoint_id=checkpoint, writes=writes)
    return (await desk.ask(PUT_WRITES, request, run=run, user=user)).stored


async def written(desk: Desk, checkpoint: str, run: str = "r1", **who: Any) -> dict[str, Any]:
    page = plain(await desk.ask(LIST_WRITES, WritesOf(checkpoint_id=checkpoint), run=run, **who))
    return {each["write_id"]: each["state"] for each in page["writes"]}


async def checkpoint(desk: Desk, name: str, run: str = "r1") -> None:
    await desk.ask(PUT, NewCheckpoint(state=raw(1), checkpoint_id=name), run=run)


async def test_the_first_of_a_name_stays_unless_a_later_one_asks_to_replace_it(desk: Desk) -> None:
    assert await write(desk, "c1", {"b": 1, "a": {"x": 1}}) == 2
    assert await write(desk, "c1", {"b": 2, "c": 3}) == 1
    assert await written(desk, "c1") == {"b": 1, "a": {"x": 1}, "c": 3}
    assert await write(desk, "c1", {"b": 4}, replace=True) == 1
    assert await write(desk, "c1", {"b": 5}, replace=True) == 1
    found = await written(desk, "c1")
    assert list(found.items()) == [("b", 5), ("a", {"x": 1}), ("c", 3)]  # what is replaced keeps its place


async def test_racing_writes_of_a_name_leave_one_and_racing_replacements_all_succeed(desk: Desk) -> None:
    desks = [desk.other(seed) for seed in range(8)]
    stored = await asyncio.gather(*[write(each, "c1", {"a": n}) for n, each in enumerate(desks)])
    assert sum(stored) == 1
    assert await written(desk, "c1") == {"a": stored.index(1)}
    assert sum(await asyncio.gather(*[write(each, "c1", {"a": n}, replace=True) for n, each in enumerate(desks)])) == 8


async def test_writes_come_back_page_by_page_and_belong_to_one_checkpoint_of_one_owner(desk: Desk) -> None:
    await write(desk, "c1", {f"w{n}": n for n in range(7)})
    await write(desk, "c12", {"w": "other"})
    await write(desk, "c1", {"w": "other run"}, run="r12")
    await write(desk, "c1", {"w": "eve"}, user="eve")
    names: list[str] = []
    cursor: str | None = None
    while True:
        page = await desk.ask(LIST_WRITES, WritesOf(checkpoint_id="c1", limit=3, cursor=cursor), run="r1")
        names += [each.write_id for each in page.writes]
        cursor = page.cursor
        if cursor is None:
            break
    assert names == [f"w{n}" for n in range(7)]
    assert await written(desk, "c1", user="eve") == {"w": "eve"}
    assert await written(desk, "none") == {}


async def test_writes_do_not_count_as_checkpoints_and_go_with_theirs(tmp_path: Path) -> None:
    async with open_desk("memory", tmp_path, Layer(checkpoints=CheckpointSettings(max_per_run=2))) as desk:
        for name in ("c1", "c2", "c3"):
            await checkpoint(desk, name)
            await write(desk, name, {f"w{n}": n for n in range(5)})
        listed = await desk.ask(LIST, CheckpointListing(), run="r1")
        assert [each.checkpoint_id for each in listed.checkpoints] == ["c3", "c2"]
        assert (await desk.ask(LATEST, OneRun(), run="r1")).checkpoint_id == "c3"
        assert [len(await written(desk, name)) for name in ("c1", "c2", "c3")] == [0, 5, 5]


async def test_writes_go_when_their_checkpoint_is_deleted_or_pruned_or_its_run_is(desk: Desk) -> None:
    for run in ("r1", "r2"):
        for name in ("c1", "c2", "c3"):
            await checkpoint(desk, name, run)
            await write(desk, name, {"a": 1}, run=run)
    assert (await desk.ask(DELETE, OneCheckpoint(checkpoint_id="c1"), run="r1")).deleted == 1
    assert await written(desk, "c1") == {} != await written(desk, "c2")
    assert (await desk.ask(PRUNE, Prune(keep=1), run="r1")).deleted == 1
    assert await written(desk, "c2") == {} != await written(desk, "c3")
    assert (await desk.ask(DELETE_RUN, OneRun(), run="r1")).deleted == 2
    assert await written(desk, "c3") == {}
    assert [len(await written(desk, name, "r2")) for name in ("c1", "c2", "c3")] == [1, 1, 1]


async def test_writes_that_cannot_be_kept_are_refused_whole(tmp_path: Path) -> None:
    async with open_desk("memory", tmp_path, Layer(limits=Limits(max_batch=2, max_content=Size("20B")))) as desk:
        with pytest.raises(TooLarge):
            await write(desk, "c1", {"a": 1, "b": 2, "c": 3})
        with pytest.raises(TooLarge):
            await write(desk, "c1", {"a": 1, "b": "x" * 30})
        twice = [NewWrite(write_id="a", state=raw(1)), NewWrite(write_id="a", state=raw(2))]
        with pytest.raises(Invalid):
            await desk.ask(PUT_WRITES, NewWrites(checkpoint_id="c1", writes=twice), run="r1")
        assert await written(desk, "c1") == {}
