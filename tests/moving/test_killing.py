"""A migration that is killed at any moment goes on where it was, and ends with both sides the same."""

import asyncio
import random
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from gateway.services.moving.comparing import compared
from tests.moving.stores import configured, filled, plain, sqlite, started, way

MANY = 100_000
KILLS = 10


async def test_a_migration_killed_ten_times_ends_with_both_sides_the_same(
    tmp_path: Path, figure: Callable[[str], None]
) -> None:
    async with sqlite(tmp_path, "old.db") as old:
        await filled(old, [plain(number) for number in range(MANY)])
    began = time.monotonic()
    killed, pages = await asyncio.to_thread(killed_and_ended, tmp_path)
    took = time.monotonic() - began
    async with sqlite(tmp_path, "old.db") as old, sqlite(tmp_path, "new.db") as new:
        comparison = await compared(way(old, new), "acme")
    assert comparison.same
    assert [each.records for each in comparison.target.values()] == [MANY]
    assert killed == KILLS
    assert pages < 2 * MANY / 1000, "it began anew"
    figure(f"migration of {MANY:,} records killed {killed} times: both sides the same, {pages} pages, {took:.0f} s")


def killed_and_ended(home: Path) -> tuple[int, int]:
    """How often it was killed before its end, and how many pages it told of in all."""
    asked = ["migrate", str(configured(home)), "--from", "old", "--to", "new", "--tenant", "acme"]
    chance, pages, killed = random.Random(7), 0, 0
    for _ in range(KILLS):
        command = [sys.executable, "-m", "gateway", *asked]
        with subprocess.Popen(command, cwd=home, stderr=subprocess.PIPE) as running:
            assert running.stderr is not None
            for _ in range(chance.randint(1, 14)):
                pages += bool(running.stderr.readline())
            time.sleep(chance.random() * 0.1)
            running.kill()
        killed += running.returncode == -9
    ended = started(home, *asked, "--verify")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return killed, pages + ended.stderr.count("page ")
