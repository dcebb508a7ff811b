"""What was kept outlives its process, whenever that is killed; several share one store and come to one state."""

import asyncio
import subprocess
import sys
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

from gateway.domain.ports import Provider, Scan, Where
from gateway.domain.record import Kind, Record
from tests.jobs.working import REACH, providers
from tests.servers.postgres import running


class Worker:
    def __init__(self, home: Path, url: str = "") -> None:
        command = [sys.executable, "-m", "tests.jobs.worker", str(home), *([url] if url else [])]
        self.popen = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self._line() == "ready"

    def do(self, what: str) -> str:
        self.tell(what)
        return self._line()

    def tell(self, what: str) -> None:
        assert self.popen.stdin is not None
        self.popen.stdin.write(what + "\n")
        self.popen.stdin.flush()

    def died(self) -> int:
        return self.popen.wait(20)

    def _line(self) -> str:
        assert self.popen.stdout is not None
        return self.popen.stdout.readline().strip()


@contextmanager
def worker(home: Path, url: str = "") -> Generator[Worker]:
    made = Worker(home, url)
    try:
        yield made
    finally:
        made.popen.kill()
        made.popen.wait()


async def counted(home: Path) -> tuple[int, int]:
    """Records at the source, and those of them that the target has, exactly as they are."""
    async with providers(home) as opened:
        main, copy = await _all(opened["main"]), await _all(opened["copy"])
    there = {each.id: each for each in copy}
    return len(main), sum(there.get(each.id) == each for each in main)


async def _all(provider: Provider) -> list[Record]:
    found: list[Record] = []
    after = None
    while True:
        page = await provider.scan(REACH, Scan(where=Where(frozenset({Kind.MEMORY})), limit=200, after=after))
        found += page.records
        after = page.next
        if after is None:
            return found


async def equal(home: Path, records: int, seconds: float = 25) -> float:
    """Waits until both sides have so many; how long it took."""
    began = time.monotonic()
    while await counted(home) != (records, records):
        assert time.monotonic() < began + seconds, await counted(home)
        await asyncio.sleep(0.2)
    return time.monotonic() - began


@pytest.mark.parametrize("how", ["write", "hold"])
async def test_what_was_kept_survives_kill_minus_nine_right_after(how: str, tmp_path: Path) -> None:
    with worker(tmp_path) as first:
        first.do(f"{how} 50")
        first.tell("die")
        assert first.died() == -9
    assert await counted(tmp_path) == (50, 0)
    with worker(tmp_path):
        await equal(tmp_path, 50)


async def test_counter_test_what_was_not_kept_does_not_survive_it(tmp_path: Path) -> None:
    with worker(tmp_path) as first:
        first.do("careless 50")
        first.tell("die")
        first.died()
    with worker(tmp_path):
        await asyncio.sleep(4)
    assert await counted(tmp_path) == (50, 0)


async def test_what_a_killed_worker_was_delivering_another_one_delivers(
    tmp_path: Path, figure: Callable[[str], None]
) -> None:
    with worker(tmp_path) as first:
        first.do("deadly")
        first.do("write 20")
        assert first.died() == -9
        assert await counted(tmp_path) == (20, 0)
        with worker(tmp_path):
            figure(
                f"what a killed worker was delivering: made by another {await equal(tmp_path, 20):.1f} s after its start"
            )


async def test_a_worker_that_is_asked_to_stop_ends_soon_and_leaves_what_it_owes(tmp_path: Path) -> None:
    with worker(tmp_path) as first:
        first.do("write 30")
        began = time.monotonic()
        first.tell("stop")
        assert first.died() == 0
        assert time.monotonic() - began < 8
    with worker(tmp_path):
        await equal(tmp_path, 30)


async def test_two_workers_share_one_file_and_come_to_one_state(tmp_path: Path, figure: Callable[[str], None]) -> None:
    with worker(tmp_path) as first, worker(tmp_path) as second:
        await _shared(first, second, tmp_path, "SQLite", figure)


async def test_two_workers_share_one_postgres_and_come_to_one_state(
    tmp_path: Path, figure: Callable[[str], None]
) -> None:
    with running(tmp_path / "postgres") as server:
        with worker(tmp_path, server.url) as first, worker(tmp_path, server.url) as second:
            await _shared(first, second, tmp_path, "PostgreSQL", figure)
        with worker(tmp_path, server.url) as third:
            third.do("hold 5")
            third.tell("die")
            third.died()
        with worker(tmp_path, server.url):
            await equal(tmp_path, 405)


async def test_a_database_that_is_away_for_a_while_loses_nothing_and_holds_up_no_stop(
    tmp_path: Path, figure: Callable[[str], None]
) -> None:
    with running(tmp_path / "postgres") as server, worker(tmp_path, server.url) as first:
        first.do("write 20")
        server.kill()
        assert first.do("refused") == "outbox_unavailable"
        await asyncio.sleep(3)
        server.start()
        began = time.monotonic()
        await equal(tmp_path, 20, 40)
        figure(
            f"what was owed when the jobs' PostgreSQL was killed: delivered {time.monotonic() - began:.1f} s after its return"
        )
        first.do("hold 10")
        server.kill()
        began = time.monotonic()
        first.tell("stop")
        first.died()
        assert time.monotonic() - began < 20
        server.start()
        with worker(tmp_path, server.url):
            await equal(tmp_path, 30)


async def _shared(first: Worker, second: Worker, home: Path, where: str, figure: Callable[[str], None]) -> None:
    for _ in range(10):
        assert first.do("write 20") == second.do("write 20") == "done"
        await asyncio.sleep(0.25)
    await equal(home, 400)
    shares = sorted((int(first.do("echo")), int(second.do("echo"))))
    figure(f"two workers on {where}: 400 records delivered once each or more, {shares[0]} and {shares[1]} by each")
    assert sum(shares) >= 400 and shares[0] > 0
