"""The server dies while writers write: what was acknowledged is there again, and the same instance goes on by itself."""

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from gateway.domain.errors import Unavailable
from gateway.domain.scope import Reach
from gateway.testing.making import Maker, Time, everything, scanned
from tests.providers.mongodb.conftest import built
from tests.servers.mongo import wire_server

if TYPE_CHECKING:
    from gateway.domain.record import Record

WRITERS = 8


@pytest.mark.parametrize("driver", ["pymongo", "motor"])
async def test_what_was_acknowledged_survives_a_killed_server(
    driver: str, tmp_path: Path, make: Maker, clock: Time
) -> None:
    server = wire_server(tmp_path)
    server.start()
    acknowledged: dict[str, Record] = {}
    refused = 0
    stop = asyncio.Event()

    async with AsyncExitStack() as stack:
        stack.callback(server.stop)
        options = {"url": server.url, "driver": driver, "connect_timeout": "300ms", "timeout": "2s"}
        provider = built(options, clock)
        await provider.open(stack)

        async def write(number: int) -> None:
            nonlocal refused
            n = 0
            record = make.record(f"{number} {n}", make.scope(f"u{number}"), version=1)
            while not stop.is_set():
                try:
                    (stored,) = await provider.put([record])
                    if not stored:  # it was sent before: that time it was stored, and nobody was told
                        assert await provider.get(Reach.only(record.scope), [record.id]) == [record]
                except Unavailable:
                    refused += 1
                    await asyncio.sleep(0.02)
                    continue
                acknowledged[record.id] = record
                n += 1
                record = make.record(f"{number} {n}" + " word" * (n % 90), make.scope(f"u{number}"))

        async def survive() -> None:
            writers = [asyncio.ensure_future(write(number)) for number in range(WRITERS)]

            async def more() -> None:
                """Until 40 more are acknowledged, or a writer failed."""
                enough = len(acknowledged) + 40
                while len(acknowledged) < enough:
                    await asyncio.wait(writers, timeout=0.01, return_when=asyncio.FIRST_COMPLETED)
                    if any(writer.done() for writer in writers):
                        return

            for _ in range(3):
                await more()
                server.kill()
                await asyncio.sleep(0.05)
                await asyncio.to_thread(server.start)
            await more()
            stop.set()
            await asyncio.gather(*writers)

        await asyncio.wait_for(survive(), 60)
        assert refused > 0, "nobody noticed the kills"
        found = {each.id: each for each in await scanned(provider, everything(make.tenant), limit=500)}
        assert {id_: found.get(id_) for id_ in acknowledged} == acknowledged


async def test_a_server_that_lost_its_journal_is_noticed(tmp_path: Path, make: Maker, clock: Time) -> None:
    """What the test above would say of a server that acknowledges without keeping."""
    server = wire_server(tmp_path)
    server.start()
    async with AsyncExitStack() as stack:
        stack.callback(server.stop)
        provider = built({"url": server.url, "connect_timeout": "2s"}, clock)
        await provider.open(stack)
        record = make.record()
        await provider.put([record])
        server.kill()
        (tmp_path / "mongo" / "journal.bson").unlink()
        server.start()
        for _ in range(3):
            try:
                assert await provider.get(Reach.only(record.scope), [record.id]) == [None]
                break
            except Unavailable:
                continue
        else:
            raise AssertionError("the provider did not recover")
