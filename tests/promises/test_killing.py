"""What was acknowledged survives a killed process, and what was not can be sent again: each exactly once.

Holds for a killed process. A machine that loses its power is the file system's matter and not shown here.
"""

import asyncio
import random
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.gateways import SQLITE, Process, process
from tests.promises.writers import Write, Writers, stored

SEED = 4_711


async def killed(home: Path, writers: Writers, kills: int, writes: int, *arguments: str) -> None:
    """Writes, killing the server at random moments, until so many are acknowledged; a last server finishes the rest."""
    rng = random.Random(SEED)
    marks = sorted(rng.sample(range(writes // (2 * kills), writes), kills))
    for mark in marks:
        server = Process(home / "gateway.yaml", *arguments)
        try:
            await asyncio.to_thread(server.wait)
            await writers.write(server, mark, server.kill)
        finally:
            server.kill()


def told(writers: Writers, found: dict[str, dict[str, object]]) -> tuple[int, int, int]:
    """Acknowledged writes that are lost; writes that are there twice; memories that are not as they were sent."""
    numbers = Counter(each["metadata"]["number"] for each in found.values())  # type: ignore[index]  # as sent
    lost = sum(id_ not in found or not numbers[number] for number, id_ in writers.acknowledged.items())
    twice = sum(count - 1 for count in numbers.values())
    torn = 0
    for each in found.values():
        sent = Write(each["metadata"]["number"]).body()  # type: ignore[index]  # as sent
        torn += {name: each[name] for name in sent} != sent
    return lost, twice, torn


@pytest.mark.parametrize(
    ("kills", "writes", "arguments"), [(5, 1_000, ()), (2, 400, ("--workers", "2"))], ids=["one", "two"]
)
async def test_acknowledged_writes_survive_kill_minus_nine_exactly_once(
    kills: int, writes: int, arguments: tuple[str, ...], tmp_path: Path, figure: Callable[[str], None]
) -> None:
    (tmp_path / "gateway.yaml").write_text(SQLITE)
    writers = Writers(random.Random(SEED), keyed=True)
    await killed(tmp_path, writers, kills, writes, *arguments)
    with process(tmp_path / "gateway.yaml", *arguments) as server:
        await writers.write(server, writes, lambda: None)
        await writers.finish(server)
        found = await stored(server)
        lost, twice, torn = told(writers, found)
        figure(
            f"{kills} kills -9, {len(writers.acknowledged)} acknowledged writes, {writers.retried} sent again: "
            f"{lost} lost, {twice} twice, {torn} torn ({' '.join(arguments) or 'one worker'}, sqlite, seed {SEED})"
        )
        assert (lost, twice, torn) == (0, 0, 0)
        assert len(found) == len(writers.acknowledged) >= writes
        assert writers.retried >= kills
        assert writers.replayed > 0  # some had been stored and not acknowledged


async def test_without_idempotency_keys_the_same_retries_make_duplicates(
    tmp_path: Path, figure: Callable[[str], None]
) -> None:
    (tmp_path / "gateway.yaml").write_text(SQLITE)
    writers = Writers(random.Random(SEED), keyed=False)
    await killed(tmp_path, writers, 2, 600)
    with process(tmp_path / "gateway.yaml") as server:
        await writers.finish(server)
        lost, twice, torn = told(writers, await stored(server))
    figure(f"counter-test: without keys {twice} of {len(writers.acknowledged)} writes are there twice")
    assert twice > 0
    assert (lost, torn) == (0, 0)
