"""The server is killed while many write, and started again: what was acknowledged is there, and providers go on."""

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import pytest

from gateway.domain.errors import Unavailable
from gateway.providers.qdrant import Qdrant
from gateway.providers.qdrant.points import Points
from gateway.testing.making import Maker, everything, scanned
from tests.servers.qdrant import Server

from .conftest import Opened

if TYPE_CHECKING:
    from gateway.domain.record import Record

KILLS = 3


async def load(provider: Qdrant, make: Maker, server: Server) -> dict[str, str]:
    """Eight write while the server is killed and started again, KILLS times. Id to text of what was acknowledged."""
    acknowledged: dict[str, str] = {}
    over = False

    async def write() -> None:
        while not over:
            records = [make.record(f"note {n}", metadata={"n": n}) for n in range(3)]
            try:
                stored = await provider.put(records)
            except Unavailable:  # anything else ends the writer, and the test
                await asyncio.sleep(0.01)
                continue
            assert all(stored)
            acknowledged.update((each.id, each.text) for each in records)

    writers = [asyncio.ensure_future(write()) for _ in range(8)]
    for _ in range(KILLS):
        before = len(acknowledged)
        while len(acknowledged) < before + 60:
            await asyncio.sleep(0.005)
            assert not [each for each in writers if each.done()]
        await asyncio.to_thread(server.kill)
        await asyncio.to_thread(server.start)
    over = True
    await asyncio.gather(*writers)
    return acknowledged


async def test_acknowledged_writes_survive_a_killed_server_and_the_provider_goes_on(
    provider: Qdrant, make: Maker, server: Server
) -> None:
    acknowledged = await load(provider, make, server)
    found = await scanned(provider, everything(make.tenant), limit=500)
    texts = {each.id: each.text for each in found}
    assert len(acknowledged) >= KILLS * 60
    assert len(found) == len(texts), "a record is there twice"
    assert {id_: texts.get(id_) for id_ in acknowledged} == acknowledged
    assert all(each.text == f"note {each.metadata['n']}" for each in found)


async def test_writes_that_are_acknowledged_before_they_are_done_are_lost(
    provider: Qdrant, make: Maker, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the test above would see, were the answer not waited for."""
    real = Points.store
    late: list[asyncio.Task[list[bool]]] = []

    async def store(self: Points, records: "Sequence[Record]", words: Sequence[Any]) -> list[bool]:
        async def later() -> list[bool]:
            await asyncio.sleep(0.05)
            return await real(self, records, words)

        late.append(asyncio.ensure_future(later()))
        return [True] * len(records)

    records = [make.record() for _ in range(20)]
    with monkeypatch.context() as patched:
        patched.setattr(Points, "store", store)
        for each in records:
            assert list(await provider.put([each])) == [True]
        await asyncio.to_thread(server.kill)
        await asyncio.gather(*late, return_exceptions=True)
    await asyncio.to_thread(server.start)
    assert len(await scanned(provider, everything(make.tenant))) < len(records)


async def test_a_provider_opens_on_what_an_earlier_server_left(opened: Opened, make: Maker, server: Server) -> None:
    records = make.records(30)
    async with opened() as provider:
        await provider.put(records)
    server.stop()
    server.start()
    async with opened() as provider:
        assert await scanned(provider, everything(make.tenant)) == records[::-1]
