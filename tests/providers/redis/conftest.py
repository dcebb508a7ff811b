"""One Redis for all of this folder's tests, a prefix for each, and a second client that looks at what is really there."""

import hashlib
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, TypeAlias

import msgspec
import pytest

from gateway.domain.ids import Clock
from gateway.domain.ports import Kit
from gateway.providers.redis import Redis
from gateway.testing.making import Maker, Time
from tests.servers import Absent, redis

Opened: TypeAlias = Callable[..., AbstractAsyncContextManager[Redis]]


@pytest.fixture(scope="session")
def url(tmp_path_factory: pytest.TempPathFactory) -> Generator[str]:
    try:
        with redis.redis(tmp_path_factory.mktemp("redis")) as server:
            yield server["url"]
    except Absent as missing:
        pytest.skip(f"absent: {missing}")


@pytest.fixture
def prefix(tmp_path: Path) -> str:
    return "p" + hashlib.sha256(str(tmp_path).encode()).hexdigest()[:12] + ":"


@pytest.fixture
def clock() -> Time:
    return Time()


@pytest.fixture
def make(clock: Time, tmp_path: Path) -> Maker:
    return Maker(clock, str(tmp_path))


@pytest.fixture
def opened(url: str, prefix: str, clock: Time) -> Opened:
    """Opens a provider: `opened(ttl_seconds=1)`; options as they stand in YAML, and another clock where one is given."""

    @asynccontextmanager
    async def open_(clock_: Clock = clock, **options: Any) -> AsyncGenerator[Redis]:
        given = {"url": url, "prefix": prefix, **options}
        converted = msgspec.convert(given, Redis.Options, dec_hook=lambda kind, text: kind(text))
        async with AsyncExitStack() as stack:
            provider = Redis(converted, Kit(name="main", clock=clock_, home=Path()))
            await provider.open(stack)
            yield provider

    return open_


@pytest.fixture
async def raw(url: str) -> AsyncGenerator[Any]:
    """An ordinary client, as an operator at a prompt would have one."""
    from redis import asyncio as driver

    clients: Any = driver.Redis
    client: Any = clients.from_url(url, decode_responses=True)
    try:
        yield client
    finally:
        await client.aclose()


@pytest.fixture
def keys(raw: Any, prefix: str) -> Callable[[], Any]:
    """The names of all keys with this test's prefix."""

    async def found() -> list[str]:
        return sorted([key async for key in raw.scan_iter(match=prefix + "*", count=1_000)])

    return found
