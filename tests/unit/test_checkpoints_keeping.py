"""Checkpoints: the state comes back as it was put, in the order of first putting, and no racing put is lost."""

import asyncio
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import pytest

from gateway.config.model import Checkpoints as CheckpointSettings
from gateway.config.model import Layer, Limits
from gateway.domain.errors import Forbidden, Invalid, Malformed, NotFound, TooLarge
from gateway.domain.principal import Role
from gateway.domain.units import Duration, Size
from gateway.services.checkpoints.pruning import PRUNE, Prune
from gateway.services.checkpoints.putting import PUT, NewCheckpoint, PutCheckpoint
from gateway.services.checkpoints.reading import (
    GET,
    LATEST,
    LIST,
    CheckpointListing,
    OneCheckpoint,
    OneRun,
)
from gateway.services.checkpoints.removing import DELETE, DELETE_RUN
from gateway.services.checkpoints.state import GET as GET_STATE
from gateway.services.checkpoints.state import PUT as PUT_STATE
from gateway.services.checkpoints.state import NewRunState
from tests.unit.calling import PROVIDERS, Desk, open_desk, plain, raw


@pytest.fixture(params=PROVIDERS)
async def desk(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncGenerator[Desk]:
    async with open_desk(request.param, tmp_path) as opened:
        yield opened


async def put(
    desk: Desk, id_: str | None = None, state: Any = 1, run: str = "r1", key: str = "", **more: Any
) -> PutCheckpoint:
    return await desk.ask(PUT, NewCheckpoint(state=raw(state), checkpoint_id=id_, **more), run=run, key=key)


async def state(desk: Desk, id_: str, run: str = "r1") -> Any:
    return plain(await desk.ask(GET, OneCheckpoint(checkpoint_id=id_), run=run))["state"]


async def ids(desk: Desk, run: str = "r1", **how: Any) -> list[str]:
    listed = await desk.ask(LIST, CheckpointListing(**how), run=run)
    return [each.checkpoint_id for each in listed.checkpoints]


@pytest.mark.parametrize(
    "sent", ['{"b": 1.50,  "a": [1e3, 123456789012345678901]}', "null", '"text \\u0000"', "[]", "0", "1e999", "{}"]
)
async def test_any_json_comes_back_byte_for_byte(desk: Desk, sent: str) -> None:
    await put(desk, "c1", sent)
    got = await desk.ask(GET, OneCheckpoint(checkpoint_id="c1"), run="r1")
    assert bytes(got.state).decode() == sent
    assert got.bytes == len(sent.encode())


async def test_everything_noted_comes_back_and_no_own_key_hides_ours(desk: Desk) -> None:
    more: dict[str, Any] = {
        "step_name": "plan", "status": "running", "parent_id": "c0", "tags": ["a", "b"], "sequence": 7,
        "metadata": {"status": "mine", "checkpoint_id": "mine"},
    }  # fmt: skip
    await put(desk, "c1", **more)
    got = plain(await desk.ask(GET, OneCheckpoint(checkpoint_id="c1"), run="r1"))
    assert {key: got[key] for key in more} == more
    assert (got["checkpoint_id"], got["run_id"], got["version"]) == ("c1", "r1", 1)


async def test_an_id_is_made_where_none_is_given(desk: Desk) -> None:
    made = [await put(desk, None, n) for n in range(3)]
    assert len({each.checkpoint_id for each in made}) == 3
    assert await state(desk, made[1].checkpoint_id) == 1


async def test_the_latest_is_the_last_put_whatever_its_sequence(desk: Desk) -> None:
    await put(desk, "a", sequence=9)
    await put(desk, "b", sequence=1)
    assert (await desk.ask(LATEST, OneRun(), run="r1")).checkpoint_id == "b"
    with pytest.raises(NotFound) as missing:
        await desk.ask(LATEST, OneRun(), run="r2")
    assert missing.value.code == "no_checkpoint"


async def test_the_same_id_again_replaces_and_keeps_its_place(desk: Desk) -> None:
    first = await put(desk, "a", 1)
    await put(desk, "b", 2)
    again = await put(desk, "a", 3, status="done")
    assert again.version == 2
    assert again.created_at == first.created_at < again.updated_at
    assert await state(desk, "a") == 3
    assert await ids(desk) == ["b", "a"]
    assert (await desk.ask(LATEST, OneRun(), run="r1")).checkpoint_id == "b"


async def test_of_racing_puts_every_one_becomes_a_version(desk: Desk) -> None:
    desks = [desk.other(n) for n in range(10)]
    puts = await asyncio.gather(*[put(each, "c", n) for n, each in enumerate(desks)])
    assert sorted(each.version for each in puts) == list(range(1, 11))
    last = max(range(10), key=lambda n: puts[n].version)
    assert await state(desk, "c") == last


async def test_runs_and_users_are_apart(desk: Desk) -> None:
    await put(desk, "c", 1, "r1")
    await put(desk, "c", 2, "r12")
    await desk.ask(PUT, NewCheckpoint(state=raw(3), checkpoint_id="c"), run="r1", user="bob")
    assert await state(desk, "c", "r1") == 1
    assert await state(desk, "c", "r12") == 2
    with pytest.raises(NotFound):
        await desk.ask(GET, OneCheckpoint(checkpoint_id="c"), run="r1", user="eve")


async def test_without_a_run_an_id_is_looked_for_in_all_runs_of_the_user(desk: Desk) -> None:
    await put(desk, "c", 1, "r1")
    await put(desk, "c", 2, "r2")
    await put(desk, "d", 3, "r3")
    assert await state(desk, "c", "") == 2
    assert await ids(desk, "") == ["d", "c", "c"]
    with pytest.raises(NotFound):
        await desk.ask(GET, OneCheckpoint(checkpoint_id="c"), user="eve")


async def test_nothing_is_read_across_everybodys_runs(tmp_path: Path) -> None:
    async with open_desk("memory", tmp_path, Layer(scope="run")) as desk:
        await put(desk, "c", 1)
        with pytest.raises(Malformed):
            await desk.ask(GET, OneCheckpoint(checkpoint_id="c"), user="")
        with pytest.raises(Forbidden):
            await desk.ask(LIST, CheckpointListing(), user="")
        with pytest.raises(Malformed):
            await desk.ask(LATEST, OneRun(), user="")
        assert await state(desk, "c") == 1


async def test_a_list_is_newest_first_without_states_and_can_be_narrowed(desk: Desk) -> None:
    for n in range(5):
        await put(desk, f"c{n}", n, status="done" if n % 2 else "running", tags=["all", f"t{n}"])
    page = await desk.ask(LIST, CheckpointListing(limit=3), run="r1")
    rest = await desk.ask(LIST, CheckpointListing(limit=3, cursor=page.cursor), run="r1")
    assert [each.checkpoint_id for each in page.checkpoints + rest.checkpoints] == ["c4", "c3", "c2", "c1", "c0"]
    assert rest.cursor is None
    assert "state" not in plain(page)["checkpoints"][0]
    assert await ids(desk, status="done") == ["c3", "c1"]
    assert await ids(desk, tag="t2") == ["c2"]
    assert await ids(desk, tag="all", status="running") == ["c4", "c2", "c0"]
    assert await ids(desk, tag="t") == []


async def test_the_oldest_go_when_a_run_has_too_many(tmp_path: Path) -> None:
    async with open_desk("memory", tmp_path, Layer(checkpoints=CheckpointSettings(max_per_run=3))) as desk:
        for n in range(6):
            await put(desk, f"c{n}")
        await put(desk, "other", run="r2")
        assert await ids(desk) == ["c5", "c4", "c3"]
        await put(desk, "c3")
        assert await ids(desk) == ["c5", "c4", "c3"]
        assert await ids(desk, "r2") == ["other"]
        await asyncio.gather(*[put(desk.other(n), f"n{n}") for n in range(20)])
        assert len(await ids(desk)) == 3


async def test_pruning_keeps_the_newest_and_counts(desk: Desk) -> None:
    for n in range(5):
        await put(desk, f"c{n}")
    assert (await desk.ask(PRUNE, Prune(keep=2), run="r1")).deleted == 3
    assert (await desk.ask(PRUNE, Prune(keep=2), run="r1")).deleted == 0
    assert await ids(desk) == ["c4", "c3"]
    assert (await desk.ask(PRUNE, Prune(keep=0), run="r1")).deleted == 2


async def test_deleting_one_tells_whether_it_was_there(desk: Desk) -> None:
    await put(desk, "a")
    await put(desk, "b")
    await put(desk, "a", run="r2")
    assert (await desk.ask(DELETE, OneCheckpoint(checkpoint_id="a"), run="r1", user="eve")).deleted == 0
    assert (await desk.ask(DELETE, OneCheckpoint(checkpoint_id="a"), run="r1")).deleted == 1
    assert (await desk.ask(DELETE, OneCheckpoint(checkpoint_id="a"), run="r1")).deleted == 0
    assert await ids(desk) == ["b"]
    assert await ids(desk, "r2") == ["a"]


async def test_deleting_a_run_takes_its_state_along_and_nothing_else(desk: Desk) -> None:
    await put(desk, "a")
    await put(desk, "b")
    await put(desk, "a", run="r12")
    await desk.ask(PUT_STATE, NewRunState(status="running"), run="r1")
    with pytest.raises(Forbidden):
        await desk.ask(DELETE_RUN, OneRun(), run="r1", roles=frozenset({Role.READER, Role.WRITER}))
    assert (await desk.ask(DELETE_RUN, OneRun(), run="r1")).deleted == 3
    assert (await desk.ask(DELETE_RUN, OneRun(), run="r1")).deleted == 0
    with pytest.raises(NotFound):
        await desk.ask(GET_STATE, OneRun(), run="r1")
    assert await ids(desk, "r12") == ["a"]


async def test_the_state_of_a_run_is_replaced_whole(desk: Desk) -> None:
    with pytest.raises(NotFound) as missing:
        await desk.ask(GET_STATE, OneRun(), run="r1")
    assert missing.value.code == "no_run"
    first = await desk.ask(PUT_STATE, NewRunState(status="running", metadata={"a": 1}), run="r1")
    await desk.ask(PUT_STATE, NewRunState(status="done", metadata={"b": 2}), run="r1")
    got = await desk.ask(GET_STATE, OneRun(), run="r1")
    assert (got.status, got.metadata, got.version) == ("done", {"b": 2}, 2)
    assert got.created_at == first.created_at
    with pytest.raises(NotFound):
        await desk.ask(LATEST, OneRun(), run="r1")


async def test_racing_states_of_a_run_all_become_versions(desk: Desk) -> None:
    puts = await asyncio.gather(
        *[desk.other(n).ask(PUT_STATE, NewRunState(status=str(n)), run="r1") for n in range(10)]
    )
    assert sorted(each.version for each in puts) == list(range(1, 11))


async def test_the_shortest_life_holds_and_hides_what_is_over(tmp_path: Path) -> None:
    layer = Layer(ttl=Duration("3h"), checkpoints=CheckpointSettings(ttl=Duration("2h")))
    async with open_desk("memory", tmp_path, layer) as desk:
        await put(desk, "long", ttl_seconds=999_999)
        await put(desk, "short", ttl_seconds=3600)
        desk.clock.forward(minutes=61)
        assert await ids(desk) == ["long"]
        with pytest.raises(NotFound):
            await state(desk, "short")
        again = await put(desk, "short")
        assert again.version == 1
        desk.clock.forward(minutes=61)
        assert await ids(desk) == ["short"]


async def test_without_a_ttl_nothing_ends(desk: Desk) -> None:
    await put(desk, "a")
    desk.clock.forward(days=3650)
    assert await ids(desk) == ["a"]


async def test_a_repeated_key_makes_one_checkpoint(desk: Desk) -> None:
    first = await put(desk, None, 1, key="k")
    again = await put(desk, None, 1, key="k")
    assert again.checkpoint_id == first.checkpoint_id
    assert (again.version, again.replayed) == (1, True)
    named = [await put(desk, "c", 1, key="n") for _ in range(2)]
    assert [each.version for each in named] == [1, 1]
    with pytest.raises(Invalid) as refused:
        await put(desk, None, 2, key="k")
    assert refused.value.code == "idempotency_mismatch"
    assert await state(desk, first.checkpoint_id) == 1


async def test_a_state_over_the_limit_is_refused(tmp_path: Path) -> None:
    async with open_desk("memory", tmp_path, Layer(limits=Limits(max_content=Size("10B")))) as desk:
        await put(desk, "a", '"12345678"')
        with pytest.raises(TooLarge):
            await put(desk, "a", '"123456789"')
        assert await state(desk, "a") == "12345678"


async def test_a_state_that_is_not_utf8_is_refused(desk: Desk) -> None:
    from msgspec import Raw

    with pytest.raises(Invalid):
        await desk.ask(PUT, NewCheckpoint(state=Raw(b'"\xff"')), run="r1")
