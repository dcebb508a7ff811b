"""One wire server for all of this folder's tests, a collection for each, and an ordinary client beside the provider."""

import hashlib
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, TypeAlias

import msgspec
import pytest

from gateway.domain.ids import Clock
from gateway.domain.ports import Kit
from gateway.providers.mongodb import Mongodb
from gateway.testing.making import Maker, Time
from gateway.testing.subjects import DIMENSION
from tests.servers import Absent
from tests.servers.mongo import Process, wire_server

Opened: TypeAlias = Callable[..., AbstractAsyncContextManager[Mongodb]]


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Generator[Process]:
    """Ours in any case: these tests break it, kill it, and look at what was asked of it."""
    try:
        process = wire_server(tmp_path_factory.mktemp("mongo"), expire_every=0.2)
        process.start()
    except Absent as missing:
        pytest.skip(f"absent: {missing}")
    yield process
    process.stop()


@pytest.fixture
def url(server: Process) -> str:
    return server.url


@pytest.fixture
def name(tmp_path: Path) -> str:
    return "c" + hashlib.sha256(str(tmp_path).encode()).hexdigest()[:12]


@pytest.fixture
def clock() -> Time:
    return Time()


@pytest.fixture
def make(clock: Time, tmp_path: Path) -> Maker:
    return Maker(clock, str(tmp_path))


def built(options: dict[str, Any], clock: Clock) -> Mongodb:
    """A provider that is not opened yet; options as they stand in YAML."""
    converted = msgspec.convert(options, Mongodb.Options, dec_hook=lambda kind, text: kind(text))
    return Mongodb(converted, Kit(name="main", clock=clock, home=Path(), dimension=DIMENSION))


@pytest.fixture
def opened(url: str, name: str, clock: Time) -> Opened:
    """Opens a provider on this test's collection: `opened(driver="motor")`."""

    @asynccontextmanager
    async def open_(**options: Any) -> AsyncGenerator[Mongodb]:
        async with AsyncExitStack() as stack:
            provider = built({"url": url, "collection": name, **options}, clock)
            await provider.open(stack)
            yield provider

    return open_


@pytest.fixture
async def raw(url: str) -> AsyncGenerator[Any]:
    """The database, as an operator at a prompt has it."""
    from pymongo import AsyncMongoClient

    client: Any = AsyncMongoClient[dict[str, Any]](url)
    try:
        yield client.memory_gateway
    finally:
        await client.close()


@pytest.fixture
async def failing(raw: Any) -> AsyncGenerator[Callable[..., Any]]:
    """`await failing("update", errorCode=10107, times=1)`: how MongoDB's own tests make a command fail."""

    async def set_(*commands: str, skip: int = 0, times: int = 1, **data: Any) -> None:
        mode = {"skip": skip} if skip else {"times": times}  # after those that are skipped, every one
        await raw.client.admin.command(
            "configureFailPoint", "failCommand", mode=mode, data={"failCommands": list(commands), **data}
        )

    yield set_
    await raw.client.admin.command("configureFailPoint", "failCommand", mode="off")
