"""What was intended is delivered, whoever is away, and what is never settled as well."""

import asyncio
import os
import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import closing
from pathlib import Path

import msgspec
import pytest

from gateway.domain.errors import Unavailable
from gateway.domain.record import Record
from gateway.jobs.job import Rules, State, wait_before
from tests.jobs.working import QUICK, bench, now, owed, record


async def test_what_is_settled_is_delivered_soon(tmp_path: Path, figure: Callable[[str], None]) -> None:
    async with bench(tmp_path, msgspec.structs.replace(QUICK, held=60.0)) as made:
        await asyncio.sleep(1.2)  # DBOS looks once a second for queues that are new
        tea = record()
        intents = [owed([tea.id])]
        await made.work.intend(intents)
        await made.main.put([tea])
        began = asyncio.get_running_loop().time()
        made.work.settled(intents)
        await made.until(lambda: _has(made.copied, [tea.id], ["tea"]))
        figure(f"a settled write is at an idle mirror after {asyncio.get_running_loop().time() - began:.2f} s")


async def test_what_nobody_settles_is_delivered_when_it_cannot_be_under_way_any_longer(tmp_path: Path) -> None:
    async with bench(tmp_path) as made:
        tea = record()
        await made.work.intend([owed([tea.id])])
        await made.main.put([tea])
        await made.until(lambda: _has(made.copied, [tea.id], ["tea"]))
        await made.until(made.idle)


async def test_what_is_settled_again_is_delivered_twice(tmp_path: Path) -> None:
    """A change that a side did not answer to may come to it after the first look."""
    async with bench(tmp_path, msgspec.structs.replace(QUICK, held=3.0)) as made:
        tea = record()
        intents = [owed([tea.id])]
        await made.work.intend(intents)
        made.work.settled(intents, again=True)
        await asyncio.sleep(2)
        assert await made.copied([tea.id]) == [None]
        await made.main.put([tea])
        await made.until(lambda: _has(made.copied, [tea.id], ["tea"]))


async def test_a_mirror_that_was_away_gets_everything_when_it_is_back(tmp_path: Path) -> None:
    async with bench(tmp_path, msgspec.structs.replace(QUICK, attempts=50)) as made:
        made.copy.away = True
        teas = [record(f"tea {number}") for number in range(300)]
        for start in range(0, 300, 10):
            some = teas[start : start + 10]
            intents = [owed([each.id for each in some])]
            await made.work.intend(intents)
            await made.main.put(some)
            made.work.settled(intents)
        await asyncio.sleep(2)
        waiting = await made.work.threaded(lambda: made.work.tending.listed(dead=False))
        assert sum(each.records for each in waiting) == 300
        assert {each.reason for each in waiting} <= {"", "away: it is away"}
        made.copy.away = False
        ids = [each.id for each in teas]
        await made.until(lambda: _has(made.copied, ids, [each.text for each in teas]), 30)
        await made.until(made.idle)


async def test_what_was_changed_while_a_mirror_was_away_does_not_wait_once_it_is_back(tmp_path: Path) -> None:
    """Well before it is due by itself, which with these rules is after a minute."""
    async with bench(tmp_path, Rules(attempts=50)) as made:
        first, second = record("first"), record("second")

        async def make(tea: Record) -> None:
            intents = [owed([tea.id])]
            await made.work.intend(intents)
            await made.main.put([tea])
            made.work.settled(intents)

        async def failed() -> bool:
            return any(each.attempts for each in await made.work.threaded(lambda: made.work.tending.listed(dead=False)))

        made.copy.away = True
        await make(first)
        await made.until(failed)
        await make(second)
        await asyncio.sleep(0.5)
        made.copy.away = False
        await made.until(lambda: _has(made.copied, [first.id, second.id], ["first", "second"]), 30)
        await made.until(made.idle)


async def test_one_record_that_is_refused_holds_up_no_other_and_ends_as_a_dead_letter(tmp_path: Path) -> None:
    async with bench(tmp_path) as made:
        teas = [record(f"secret tea {number}") for number in range(40)]
        made.copy.refused = teas[17].id
        intents = [owed([each.id]) for each in teas]
        await made.work.intend(intents)
        await made.main.put(teas)
        made.work.settled(intents)
        tending = made.work.tending

        async def dead() -> bool:
            return bool(await made.work.threaded(lambda: tending.listed(dead=True)))

        await made.until(dead)
        (letter,) = await made.work.threaded(lambda: tending.listed(dead=True))
        assert (letter.state, letter.records, letter.attempts) == (State.DEAD, 1, 3)
        assert letter.reason == "poison: not this one"
        others = [each for each in teas if each.id != made.copy.refused]
        assert await made.copied([each.id for each in others]) == [each.text for each in others]
        assert b"secret" not in await asyncio.to_thread(_kept, tmp_path)
        made.copy.refused = ""
        assert await made.work.threaded(lambda: tending.retry([letter.id])) == 1
        await made.until(lambda: _has(made.copied, [teas[17].id], [teas[17].text]))
        await made.until(made.idle)


async def test_what_is_no_longer_declared_is_a_dead_letter_at_once_and_can_be_dropped(tmp_path: Path) -> None:
    async with bench(tmp_path) as made:
        intents = [owed(["x"], target="gone")]
        await made.work.intend(intents)
        made.work.settled(intents)
        tending = made.work.tending

        async def dead() -> bool:
            return bool(await made.work.threaded(lambda: tending.listed(dead=True)))

        await made.until(dead)
        (letter,) = await made.work.threaded(lambda: tending.listed(dead=True))
        assert letter.reason == "the provider 'gone' is no longer declared" and letter.attempts == 1
        assert await made.work.threaded(lambda: tending.drop(None)) == 1
        assert await made.idle()


@pytest.mark.parametrize("remembers", [True, False], ids=["as it is", "counter-test: deletions are not remembered"])
async def test_what_was_deleted_while_it_was_on_its_way_does_not_come_back(remembers: bool, tmp_path: Path) -> None:
    async with bench(tmp_path) as made:
        tea = record()
        on_its_way, deleted = asyncio.Event(), asyncio.Event()

        async def wait() -> None:
            on_its_way.set()
            await deleted.wait()

        made.copy.before = wait
        intents = [owed([tea.id])]
        await made.work.intend(intents)
        await made.main.put([tea])
        made.work.settled(intents)
        await asyncio.wait_for(on_its_way.wait(), 10)
        gone = [owed([tea.id], now())]
        await made.work.intend(gone)
        await made.main.delete(gone[0].reach, [tea.id])
        made.work.settled(gone)
        await asyncio.sleep(2)  # the deletion is at the target before the record is
        made.copy.before = None
        if not remembers:
            await made.work.threaded(lambda: _execute(tmp_path, "DELETE FROM gateway_gone"))
        deleted.set()
        await made.until(made.idle)
        assert await made.copied([tea.id]) == ([None] if remembers else ["tea"])


async def test_deletions_are_forgotten_after_the_horizon_and_not_while_something_older_is_owed(tmp_path: Path) -> None:
    async with bench(tmp_path) as made:
        made.copy.away = True
        intents = [owed(["x"], now()), owed(["y"])]
        await made.work.intend(intents)
        await made.work.threaded(lambda: made.work.tending.sweep(0))
        assert list(await made.work.gone("acme", ["x", "y"])) == ["x"]
        assert not await made.work.gone("other", ["x"])
        made.copy.away = False
        await made.until(made.idle)
        await made.work.threaded(lambda: made.work.tending.sweep(60))
        assert list(await made.work.gone("acme", ["x"])) == ["x"]
        await made.work.threaded(lambda: made.work.tending.sweep(0))
        assert not await made.work.gone("acme", ["x"])


async def test_the_sweep_runs_by_a_schedule(tmp_path: Path) -> None:
    from dbos import DBOS

    async with bench(tmp_path, msgspec.structs.replace(QUICK, horizon=0.0)) as made:
        await made.work.intend([owed(["x"], now())])
        await made.until(made.idle)
        (schedule,) = await asyncio.to_thread(DBOS.list_schedules)
        assert (schedule["schedule_name"], schedule["schedule"]) == ("sweep", "17 * * * *")
        assert await made.work.gone("acme", ["x"])
        await asyncio.to_thread(DBOS.trigger_schedule, "sweep")

        async def forgotten() -> bool:
            return not await made.work.gone("acme", ["x"])

        await made.until(forgotten)


async def test_a_run_that_was_lost_in_a_living_worker_is_made_again(tmp_path: Path) -> None:
    async with bench(tmp_path) as made:
        tea = record()
        await made.main.put([tea])
        intents = [owed([tea.id])]
        made.copy.away = True
        await made.work.intend(intents)
        made.work.settled(intents)

        async def failed() -> bool:
            return any(each.attempts for each in await made.work.threaded(lambda: made.work.tending.listed(dead=False)))

        await made.until(failed)
        # As if this worker had been handed the run long ago, and knew nothing of it.
        me = f"(SELECT id FROM gateway_workers WHERE pid = {os.getpid()})"
        lost = f"UPDATE workflow_status SET status = 'PENDING', executor_id = {me}, started_at_epoch_ms = 1 WHERE status = 'DELAYED'"
        await made.work.threaded(lambda: _execute(tmp_path, lost))
        await made.work.threaded(lambda: _execute(tmp_path, "UPDATE gateway_jobs SET due = 1"))
        made.copy.away = False
        await made.until(lambda: _has(made.copied, [tea.id], ["tea"]))


async def test_a_store_that_is_away_is_unavailable_and_nothing_is_kept(tmp_path: Path) -> None:
    async with bench(tmp_path) as made:
        await made.work.threaded(lambda: _execute(tmp_path, "ALTER TABLE gateway_owed RENAME TO elsewhere"))
        with pytest.raises(Unavailable) as refused:
            await made.work.intend([owed(["x"])])
        assert refused.value.code == "outbox_unavailable"
        await made.work.threaded(lambda: _execute(tmp_path, "ALTER TABLE elsewhere RENAME TO gateway_owed"))
        await made.work.intend([owed(["x"])])


def test_attempts_come_later_and_later_spread_and_end() -> None:
    rules = Rules(attempts=100)
    waits = [wait_before(attempt, rules, 1.0) for attempt in range(1, 100)]
    assert waits[:4] == [1, 2, 4, 8] and max(filter(None, waits)) == 900
    assert wait_before(3, rules, 0.0) == 2
    assert wait_before(100, rules, 0.5) is None
    assert 80_000 < sum(filter(None, waits)) < 90_000


async def _has(copied: Callable[[list[str]], Awaitable[list[str | None]]], ids: list[str], texts: list[str]) -> bool:
    return await copied(ids) == texts


def _kept(home: Path) -> bytes:
    return b"".join(file.read_bytes() for file in home.glob("jobs.db*"))


def _execute(home: Path, statement: str) -> None:
    """As an operator with a shell would."""
    with closing(sqlite3.connect(home / "jobs.db", timeout=10)) as db, db:
        db.execute(statement)
