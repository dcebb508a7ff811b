"""What is deleted stays deleted: after a restart, for mem0's own search, and in the small files that mem0 keeps."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from gateway.domain.errors import Unavailable
from gateway.domain.scope import Reach
from gateway.providers.mem0 import Mem0
from gateway.providers.mem0 import inside as inside_
from gateway.providers.mem0.forgetful import TakingTurns
from gateway.testing.making import MEMORIES, Maker, Time, everything, scanned
from tests.servers.openai import mem0_block

from .opening import Opened, opening, options, way_of

SECRET = "hunter2harbour"


async def test_nothing_deleted_comes_back(opened: Opened, make: Maker) -> None:
    """Eight rounds of twenty, written and deleted side by side, each looked for in a provider opened anew."""
    kept = make.record("kept", make.scope("bob"))
    reach = Reach.only(make.scope())
    for number in range(8):
        async with opened() as mem0:
            records = make.records(20)
            await asyncio.gather(mem0.put([kept]), *(mem0.put([each]) for each in records))
            halves = [[each.id for each in records[:12]], [each.id for each in records[8:]]]
            counts = await asyncio.gather(*(mem0.delete(reach, ids) for ids in halves))
            assert sum(counts) == 20, f"round {number}"
    async with opened() as mem0:
        assert await scanned(mem0, everything(make.tenant)) == [kept]
        assert list(await mem0.relevant(reach, "note 7", MEMORIES, 50)) == []


async def test_the_number_deleted_is_the_number_listed_before(mem0: Mem0, make: Maker) -> None:
    await mem0.put(make.records(137))
    reach = Reach.only(make.scope())
    listed = await scanned(mem0, reach)
    assert await mem0.delete(reach, [each.id for each in listed]) == len(listed) == 137
    assert await scanned(mem0, reach) == []


async def test_a_deletion_that_mem0_only_claims_is_told(
    mem0: Mem0, make: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = make.record()
    await mem0.put([record])

    async def claims(_: Any) -> None:
        return

    monkeypatch.setattr(way_of(mem0), "remove", claims)
    with pytest.raises(Unavailable, match="still has what it was told to delete"):
        await mem0.delete(Reach.only(record.scope), [record.id])


async def _told_and_deleted(mem0: Mem0, make: Maker) -> None:
    reach = Reach.only(make.scope())
    record = make.record(f"the password is {SECRET}")
    await mem0.put([record])
    await mem0.put([make.record("changed", id=record.id, version=2)])
    learned = await mem0.extract([make.record(f"I say {SECRET}.", role="user")], wait=True)
    assert await mem0.delete(reach, [record.id, *(each.id for each in learned)]) == 2


async def test_mem0s_own_history_keeps_no_text(
    model: str, store: str, tmp_path: Path, clock: Time, make: Maker
) -> None:
    block = {**mem0_block(model, f"{store}/q", "c"), "history_db_path": "history.db"}
    async with opening(options(config=block), tmp_path, clock) as mem0:
        await _told_and_deleted(mem0, make)
    assert SECRET.encode() not in (tmp_path / "history.db").read_bytes()


async def test_left_to_itself_mem0_would_keep_the_text_of_what_was_deleted(
    model: str, store: str, tmp_path: Path, clock: Time, make: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the protection is for."""
    from mem0.memory.storage import SQLiteManager  # pyright: ignore[reportMissingTypeStubs]

    monkeypatch.setattr(inside_, "NoHistory", lambda: SQLiteManager(str(tmp_path / "history.db")))
    block = {**mem0_block(model, f"{store}/q", "c"), "history_db_path": "history.db"}
    async with opening(options(config=block), tmp_path, clock) as mem0:
        await _told_and_deleted(mem0, make)
    assert SECRET.encode() in (tmp_path / "history.db").read_bytes()


async def test_the_embedded_store_is_used_by_one_thread_at_a_time(model: str, store: str, tmp_path: Path) -> None:
    async with opening(options(config=mem0_block(model, f"{store}/q", "c")), tmp_path, Time()) as mem0:
        memory: Any = way_of(mem0)._memory
        assert isinstance(memory.vector_store.client, TakingTurns)
        assert memory.entity_store.client is memory.vector_store.client


async def test_two_threads_meet_in_a_client_only_without_the_turns() -> None:
    class Client:
        inside = 0
        met = False

        def work(self) -> None:
            import time

            self.inside += 1
            time.sleep(0.002)
            self.met = self.met or self.inside > 1
            self.inside -= 1

    async def met(client: Client, used: Any) -> bool:
        await asyncio.gather(*(asyncio.to_thread(used.work) for _ in range(20)))
        return client.met

    bare, behind = Client(), Client()
    assert await met(bare, bare)
    assert not await met(behind, TakingTurns(behind))
