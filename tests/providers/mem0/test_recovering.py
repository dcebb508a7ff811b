"""A platform or model server that dies in the middle: nothing acknowledged is lost, and nobody has to start anything again."""

import asyncio
import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from gateway.domain.errors import Unavailable
from gateway.domain.scope import Reach
from gateway.testing.making import MEMORIES, Maker, Time, one, scanned
from tests.servers import free_port
from tests.servers.mem0_platform import mem0_platform
from tests.servers.openai import running

from .opening import hosted, inside

if TYPE_CHECKING:
    from gateway.domain.record import Record
    from gateway.providers.mem0 import Mem0

WRITERS = 8


async def test_everything_acknowledged_outlives_a_killed_platform(tmp_path: Path, clock: Time, make: Maker) -> None:
    port = free_port()
    acknowledged: list[Record] = []
    enough = asyncio.Event()
    scope = make.scope()
    with mem0_platform(tmp_path, port) as told:
        async with hosted(told, tmp_path, clock)() as mem0:

            async def write(number: int) -> None:
                for n in range(200):
                    record = make.record(f"{number}:{n}", scope)
                    await mem0.put([record])
                    acknowledged.append(record)
                    if len(acknowledged) == 40:
                        enough.set()

            writers = [asyncio.create_task(write(number)) for number in range(WRITERS)]
            await enough.wait()
            os.kill(int(told["pid"]), signal.SIGKILL)
            ended = await asyncio.gather(*writers, return_exceptions=True)
            assert all(isinstance(each, Unavailable) for each in ended)
            with pytest.raises(Unavailable):
                await mem0.ping()
            with mem0_platform(tmp_path, port):
                await mem0.ping()
                found = {each.id: each for each in await scanned(mem0, Reach.only(scope))}
                assert {each.id: each for each in acknowledged}.items() <= found.items()
                again = make.record("after", scope)
                assert list(await mem0.put([again])) == [True]
                assert await one(mem0, again) == again


async def test_without_its_model_server_the_library_reads_on_and_refuses_to_write(
    store: str, tmp_path: Path, clock: Time, make: Maker
) -> None:
    port = free_port()
    url = f"http://127.0.0.1:{port}/v1"
    record, late = make.record("likes tea"), make.record("written late")
    reach = Reach.only(record.scope)
    with running("tests.servers.openai", tmp_path, port=port):
        opened = inside(url, store, tmp_path, clock)
        context = opened()
        mem0: Mem0 = await context.__aenter__()
        await mem0.put([record])
    try:
        assert await scanned(mem0, reach) == [record]
        with pytest.raises(Unavailable, match="does not answer"):
            await mem0.put([late])
        with pytest.raises(Unavailable, match="does not answer"):
            await mem0.relevant(reach, "tea", MEMORIES, 5)
        with pytest.raises(Unavailable, match="does not answer"):
            await mem0.extract([make.record("I like tea.", role="user")], wait=True)
        assert await one(mem0, late) is None
        assert await mem0.delete(reach, [record.id]) == 1
        with running("tests.servers.openai", tmp_path, port=port):
            assert list(await mem0.put([late])) == [True]
            assert [hit.record for hit in await mem0.relevant(reach, "late", MEMORIES, 5)] == [late]
    finally:
        await context.__aexit__(None, None, None)


async def test_a_platform_that_takes_too_long_is_told_in_time(tmp_path: Path, clock: Time, make: Maker) -> None:
    with mem0_platform(tmp_path) as told:
        async with hosted(told, tmp_path, clock, timeout="300ms")() as mem0:
            os.kill(int(told["pid"]), signal.SIGSTOP)
            try:
                async with asyncio.timeout(5):
                    with pytest.raises(Unavailable):
                        await mem0.put([make.record()])
            finally:
                os.kill(int(told["pid"]), signal.SIGCONT)


async def test_opening_never_waits_for_ever(tmp_path: Path, clock: Time) -> None:
    """The client's constructor would: it asks the platform without a time limit."""
    with mem0_platform(tmp_path) as told:
        os.kill(int(told["pid"]), signal.SIGSTOP)
        try:
            async with asyncio.timeout(10):
                with pytest.raises(Unavailable, match="does not start"):
                    async with hosted(told, tmp_path, clock, timeout="300ms")():
                        pass
        finally:
            os.kill(int(told["pid"]), signal.SIGCONT)
