"""What is asked for together is kept together, and what that costs a write."""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from gateway.chain.mirrored import Mirror, Mirrored
from gateway.jobs.job import Rules
from tests.jobs.working import MINT, bench, owed, record

CALLERS = 64
ROUNDS = 20
ALONE = Rules(held=60.0)


async def test_those_who_ask_together_share_one_commit(tmp_path: Path) -> None:
    async with bench(tmp_path, ALONE) as made:
        before = made.work.keeping.commits
        await asyncio.gather(*(made.work.intend([owed([str(number)])]) for number in range(CALLERS)))
        assert made.work.keeping.commits - before == 1
        (job,) = await made.work.threaded(lambda: made.work.tending.listed(dead=False))
        assert job.records == CALLERS  # and one job


async def test_one_caller_that_cannot_be_kept_fails_alone(tmp_path: Path) -> None:
    async with bench(tmp_path, ALONE) as made:
        bad = msgspec.structs.replace(owed(["x"]), target="copy\udcff")  # no database takes half a character
        ended = await asyncio.gather(
            made.work.intend([owed(["a"])]),
            made.work.intend([bad]),
            made.work.intend([owed(["b"])]),
            return_exceptions=True,
        )
        assert [type(each).__name__ for each in ended] == ["NoneType", "Unavailable", "NoneType"]
        listed = await made.work.threaded(lambda: made.work.tending.listed(dead=False))
        assert sum(each.records for each in listed) == 2


async def test_what_an_asynchronous_mirror_costs_a_write(tmp_path: Path, figure: Callable[[str], None]) -> None:
    async with bench(tmp_path, ALONE) as made:
        mirrored = Mirrored(
            "main", made.main, [Mirror(name="copy", provider=made.copy.provider)], made.work, MINT.now
        ).provider
        seconds: dict[str, float] = {}
        commits = made.work.keeping.commits
        for name, provider in (("without", made.main), ("with", mirrored)):
            await asyncio.gather(*(provider.put([record()]) for _ in range(CALLERS)))
            began = time.perf_counter()
            for _ in range(ROUNDS):
                await asyncio.gather(*(provider.put([record()]) for _ in range(CALLERS)))
            seconds[name] = (time.perf_counter() - began) / ROUNDS / CALLERS
        alone: dict[str, float] = {}
        for name, provider in (("without", made.main), ("with", mirrored)):
            began = time.perf_counter()
            for _ in range(CALLERS):
                await provider.put([record()])
            alone[name] = (time.perf_counter() - began) / CALLERS
        commits = made.work.keeping.commits - commits
        figure(
            f"an acknowledged write with an async mirror costs {seconds['with'] / seconds['without']:.1f} times one without "
            f"({CALLERS} callers: {seconds['without'] * 1e3:.2f} -> {seconds['with'] * 1e3:.2f} ms each), "
            f"{alone['with'] / alone['without']:.1f} times for one caller "
            f"({alone['without'] * 1e3:.2f} -> {alone['with'] * 1e3:.2f} ms)"
        )
        assert commits < (ROUNDS + 1) * CALLERS / 4 + CALLERS
        await made.until(made.idle, 30)
