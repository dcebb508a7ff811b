"""The stand-in is killed while many write: what was acknowledged is there, and the same provider goes on by itself."""

import asyncio
from pathlib import Path

from gateway.domain.errors import GatewayError
from gateway.domain.record import Kind, Record
from gateway.domain.scope import Reach
from gateway.testing.making import Maker, Time, everything, scanned
from tests.providers.zep.places import opened
from tests.servers.zep import KEY, Running

WRITERS = 6


async def test_acknowledged_writes_survive_and_the_provider_recovers(tmp_path: Path, make: Maker, clock: Time) -> None:
    server = Running(tmp_path / "zep")
    server.start()
    kept: dict[str, Record] = {}
    failed: list[GatewayError] = []
    stopping = asyncio.Event()
    try:
        async with opened({"url": server.url, "api_key": KEY}, "mg", clock, timeout="2s") as provider:

            async def write(number: int) -> None:
                while not stopping.is_set():
                    kind = Kind.MESSAGE if number % 2 else Kind.MEMORY
                    record = make.record(f"of {number}", make.scope(f"u{number % 3}", run=f"r{number}"), kind=kind)
                    try:
                        if list(await provider.put([record])) == [True]:
                            kept[record.id] = record
                    except GatewayError as error:
                        failed.append(error)
                        await asyncio.sleep(0.02)

            writers = [asyncio.create_task(write(n)) for n in range(WRITERS)]
            for _ in range(2):
                await asyncio.sleep(0.6)
                server.kill()
                before = len(kept)
                await asyncio.sleep(0.1)
                await asyncio.to_thread(server.start)
                until = asyncio.get_running_loop().time() + 10
                while len(kept) < before + WRITERS and asyncio.get_running_loop().time() < until:  # noqa: ASYNC110
                    await asyncio.sleep(0.05)
                assert len(kept) >= before + WRITERS, "it does not go on by itself"
            stopping.set()
            await asyncio.gather(*writers)
            assert failed, "nothing was being written when the server was killed"
            assert all(KEY not in str(error) for error in failed)
            for record in kept.values():
                assert list(await provider.get(Reach.only(record.scope), [record.id])) == [record]
            listed = await scanned(provider, everything(make.tenant))
            assert len({each.id for each in listed}) == len(listed)
    finally:
        server.stop()
