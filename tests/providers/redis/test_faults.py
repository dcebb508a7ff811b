"""When Redis is slow, gone, full or refuses: said in words, in time, nothing done twice, and over when it is over."""

import asyncio
import itertools
import time
from collections.abc import AsyncGenerator, Generator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from gateway.domain.errors import Unavailable
from gateway.domain.ports import Kit
from gateway.domain.record import Record
from gateway.providers.redis import Redis
from gateway.testing.making import Maker, Time, everything, one, scanned
from tests.servers import Absent
from tests.servers.redis import Server, started, valkey_binary


def binary() -> Path:
    try:
        return valkey_binary()
    except Absent as missing:
        pytest.skip(f"absent: {missing}")


@pytest.fixture
def server(tmp_path: Path) -> Generator[Server]:
    with started(binary(), tmp_path / "server") as running:
        yield running


@asynccontextmanager
async def opened(url: str, **options: Any) -> AsyncGenerator[Redis]:
    given = {"url": url, "timeout": "300ms", "connect_timeout": "300ms", **options}
    converted = msgspec.convert(given, Redis.Options, dec_hook=lambda kind, text: kind(text))
    async with AsyncExitStack() as stack:
        provider = Redis(converted, Kit(name="main", clock=Time(), home=Path()))
        await provider.open(stack)
        yield provider


def wire(provider: Redis) -> Any:
    """What is under the provider; looked into only where a test takes a protection away."""
    return provider._wire  # pyright: ignore[reportPrivateUsage]


async def killed_at_work(server: Server, make: Maker, provider: Redis) -> dict[str, Record]:
    """Kills and starts the server while writers are at work. What they were told was stored."""
    told: dict[str, Record] = {}
    numbers = itertools.count()
    down = asyncio.Event()

    async def write() -> None:
        while not down.is_set():
            records = [make.record(f"note {n}", make.scope(f"u{n % 5}")) for n in itertools.islice(numbers, 3)]
            try:
                if all(await provider.put(records)):
                    told.update({each.id: each for each in records})
            except Unavailable:
                await asyncio.sleep(0.01)

    writers = [asyncio.ensure_future(write()) for _ in range(8)]
    await asyncio.sleep(0.4)
    server.kill()
    await asyncio.sleep(0.05)
    down.set()
    await asyncio.gather(*writers)
    await asyncio.to_thread(server.start)
    return told


async def test_what_was_acknowledged_survives_a_killed_server_and_the_same_provider_goes_on(
    server: Server, tmp_path: Path
) -> None:
    make = Maker(Time(), str(tmp_path))
    async with opened(server.url) as provider:
        told: dict[str, Record] = {}
        for _ in range(3):
            told |= await killed_at_work(server, make, provider)
        assert len(told) > 100
        found = {each.id: each for each in await scanned(provider, everything(make.tenant), limit=500)}
        assert {id_: found.get(id_) for id_ in told} == told
        record = make.record("after")
        assert list(await provider.put([record])) == [True]
        assert await one(provider, record) == record


async def test_a_server_that_writes_nothing_down_loses_what_it_acknowledged(tmp_path: Path) -> None:
    """What the one above would see if it were not so."""
    make = Maker(Time(), str(tmp_path))
    with started(binary(), tmp_path / "server", "--appendonly", "no") as server:
        async with opened(server.url) as provider:
            told = await killed_at_work(server, make, provider)
            assert len(told) > 20
            assert await scanned(provider, everything(make.tenant)) == []


async def test_a_hung_server_fails_in_time_and_the_write_is_not_doubled(server: Server, tmp_path: Path) -> None:
    make = Maker(Time(), str(tmp_path))
    record = make.record()
    async with opened(server.url) as provider:
        await provider.ping()
        server.freeze()
        before = time.monotonic()
        for verb in (provider.put([record]), provider.ping(), scanned(provider, everything(make.tenant))):
            with pytest.raises(Unavailable, match="did not answer in time"):
                await verb
        assert time.monotonic() - before < 3 * 0.3 + 0.5
        server.thaw()
        await asyncio.sleep(0.1)
        stored = await one(provider, record)
        assert list(await provider.put([record])) == [stored is None]
        assert await scanned(provider, everything(make.tenant)) == [record]


@pytest.mark.parametrize(("retries", "value"), [(0, 1), (1, 2)], ids=["as it is", "with the driver's retries"])
async def test_no_command_is_ever_sent_twice(retries: int, value: int, server: Server) -> None:
    from redis.asyncio.retry import Retry
    from redis.backoff import NoBackoff

    async with opened(server.url) as provider:
        await wire(provider).ask("PING")
        if retries:
            from redis.exceptions import ConnectionError as Gone
            from redis.exceptions import TimeoutError as Slow

            again, pool = Retry(NoBackoff(), retries, (Gone, Slow)), wire(provider)._client.connection_pool
            pool.connection_kwargs["retry"] = again
            for connection in pool._available_connections:
                connection.retry = again
        server.freeze()
        call = asyncio.ensure_future(wire(provider).ask("INCR", "counter"))
        await asyncio.sleep(0.4)
        server.thaw()
        await asyncio.gather(call, return_exceptions=True)
        await asyncio.sleep(0.2)
        assert int(await wire(provider).ask("GET", "counter")) == value


async def test_more_callers_than_connections_wait_their_turn(server: Server, tmp_path: Path) -> None:
    make = Maker(Time(), str(tmp_path))
    records = make.records(300)
    async with opened(server.url, max_connections=2, timeout="30s", connect_timeout="30s") as provider:
        assert [each == [True] for each in await asyncio.gather(*(provider.put([each]) for each in records))].count(
            True
        ) == 300
        assert "connected_clients:3" in server.say("INFO", "clients")  # ours, and the one that asks
        assert len(await scanned(provider, everything(make.tenant), limit=500)) == 300


async def test_scripts_that_the_server_forgot_are_sent_again(server: Server, tmp_path: Path) -> None:
    make = Maker(Time(), str(tmp_path))
    async with opened(server.url) as provider:
        for number, record in enumerate(make.records(3)):
            assert server.say("SCRIPT", "FLUSH").startswith("+OK")
            assert list(await provider.put([record])) == [True], number
            assert server.say("SCRIPT", "FLUSH").startswith("+OK")
            assert await provider.delete(everything(make.tenant), [record.id]) == 1


async def test_a_server_that_is_not_there_is_unavailable_and_named_without_its_address() -> None:
    with pytest.raises(Unavailable) as refused:
        async with opened("redis://:hunter2@127.0.0.1:1/0"):
            pass
    assert refused.value.code == "redis_unreachable"
    assert "hunter2" not in refused.value.detail and "127.0.0.1" not in refused.value.detail


async def test_wrong_credentials_are_refused_without_being_said(server: Server) -> None:
    assert server.say("CONFIG", "SET", "requirepass", "right").startswith("+OK")
    for url in (server.url, server.url.replace("//", "//:hunter2@")):
        with pytest.raises(Unavailable) as refused:
            async with opened(url):
                pass
        assert refused.value.code == "redis_refused"
        assert "hunter2" not in refused.value.detail
    async with opened(server.url.replace("//", "//:right@")) as provider:
        await provider.ping()


async def test_a_full_server_stores_nothing_of_a_batch(server: Server, tmp_path: Path) -> None:
    make = Maker(Time(), str(tmp_path))
    first = make.record()
    async with opened(server.url) as provider:
        await provider.put([first])
        assert server.say("CONFIG", "SET", "maxmemory", "1").startswith("+OK")
        with pytest.raises(Unavailable) as refused:
            await provider.put(make.records(5))
        assert refused.value.code == "redis_full"
        assert await scanned(provider, everything(make.tenant)) == [first]
        assert server.say("CONFIG", "SET", "maxmemory", "0").startswith("+OK")
        assert list(await provider.put(make.records(1))) == [True]


async def test_a_replica_takes_no_writes_and_that_is_said(server: Server, tmp_path: Path) -> None:
    async with opened(server.url) as provider:
        assert server.say("REPLICAOF", "127.0.0.1", "1").startswith("+OK")
        with pytest.raises(Unavailable) as refused:
            await provider.put([Maker(Time(), str(tmp_path)).record()])
        assert refused.value.code == "redis_read_only"


async def test_closed_is_unavailable(server: Server) -> None:
    async with opened(server.url) as provider:
        pass
    with pytest.raises(Unavailable, match="not open"):
        await provider.ping()
