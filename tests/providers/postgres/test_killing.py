"""The server dies in the middle of everything: what was acknowledged is there, and the same provider goes on by itself."""

import asyncio
import time
from pathlib import Path

import pytest

from gateway.domain.errors import Unavailable
from gateway.domain.ports import Provider
from gateway.domain.record import Kind, Record
from gateway.domain.scope import Reach
from gateway.providers.postgres.sessions import Sessions
from gateway.testing.making import Maker, everything, scanned
from tests.providers.postgres.conftest import Opened
from tests.servers import Absent
from tests.servers.postgres import Server, running

WRITERS = 8
KILLS = 3


async def recovered(provider: Provider, make: Maker, seconds: float = 10) -> float:
    """How long until a read succeeds again, in seconds."""
    start = time.monotonic()
    while True:
        try:
            await provider.get(Reach.only(make.scope()), ["anything"])
        except Unavailable:
            if time.monotonic() - start > seconds:
                raise
            await asyncio.sleep(0.02)
        else:
            return time.monotonic() - start


@pytest.fixture
def server(tmp_path: Path):  # noqa: ANN201 -- a generator
    try:
        with running(tmp_path) as started:
            yield started
    except Absent as missing:
        pytest.skip(f"absent: {missing}")


async def test_a_killed_server_loses_nothing_that_was_acknowledged(server: Server, opened: Opened, make: Maker) -> None:
    kept: dict[str, Record] = {}
    refused = 0
    async with opened(url=server.url, timeout="3s", connect_timeout="1s") as provider:
        stop = asyncio.Event()

        async def write(n: int) -> None:
            nonlocal refused
            while not stop.is_set():
                record = make.record(f"of writer {n}", make.scope(f"u{n % 3}"))
                try:
                    (stored,) = await provider.put([record])
                except Unavailable:  # whether it is there is not known: nothing was promised
                    refused += 1
                    await asyncio.sleep(0.02)
                else:
                    assert stored
                    kept[record.id] = record

        writers = [asyncio.ensure_future(write(n)) for n in range(WRITERS)]
        for _ in range(KILLS):
            before = len(kept)
            await asyncio.sleep(0.4)
            assert len(kept) > before
            await asyncio.to_thread(server.kill)
            with pytest.raises(Unavailable):
                await provider.get(Reach.only(make.scope()), ["anything"])
            await asyncio.to_thread(server.start)
            assert await recovered(provider, make) < 5
        await asyncio.sleep(0.2)
        stop.set()
        await asyncio.gather(*writers)
        found = {each.id: each for each in await scanned(provider, everything(make.tenant), limit=500)}
        assert {id_: found.get(id_) for id_ in kept} == kept
        assert refused
        counted = (await provider.count())[Kind.MEMORY]
        assert (counted.records, counted.bytes) == (len(found), sum(each.size() for each in found.values()))


async def test_acknowledging_before_the_commit_would_be_caught(
    server: Server, opened: Opened, make: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The counter-test: a put that answers, and lets the transaction end a moment later, loses what it acknowledged."""
    original = Sessions.write

    async def early(self: Sessions, work: object, **_: bool) -> object:
        later.append(asyncio.ensure_future(delayed(self, work)))
        return [True]

    async def delayed(self: Sessions, work: object) -> None:
        await asyncio.sleep(0.05)
        await original(self, work)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType] -- passed on

    later: list[asyncio.Future[None]] = []
    async with opened(url=server.url, timeout="3s", connect_timeout="1s") as provider:
        monkeypatch.setattr(Sessions, "write", early)
        record = make.record()
        assert list(await provider.put([record])) == [True]
        await asyncio.to_thread(server.kill)
        await asyncio.gather(*later, return_exceptions=True)
        monkeypatch.undo()
        await asyncio.to_thread(server.start)
        await recovered(provider, make)
        assert await scanned(provider, everything(make.tenant)) == []


async def test_a_server_that_hangs_is_unavailable_after_the_timeout_and_then_serves_again(
    server: Server, opened: Opened, make: Maker
) -> None:
    async with opened(url=server.url, timeout="500ms", connect_timeout="500ms", pool_size=2) as provider:
        record = make.record()
        await provider.put([record])
        server.pause()
        start = time.monotonic()
        asked = [provider.get(Reach.only(record.scope), [record.id]) for _ in range(6)]
        answers = await asyncio.gather(*asked, return_exceptions=True)
        took = time.monotonic() - start
        server.resume()
        assert all(isinstance(answer, Unavailable) for answer in answers)
        assert took < 5
        assert await recovered(provider, make) < 5
        assert list(await provider.get(Reach.only(record.scope), [record.id])) == [record]
