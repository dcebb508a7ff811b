"""A server for the module's tests, a collection for each, and providers opened on them."""

import hashlib
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, TypeAlias

import msgspec
import pytest

from gateway.domain.ports import Kit
from gateway.providers.qdrant import Qdrant
from gateway.testing.making import Maker, Time
from tests.servers import Absent
from tests.servers.qdrant import Server

Opened: TypeAlias = Callable[..., AbstractAsyncContextManager[Qdrant]]

DIMENSION = 8


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Always the one of these tests: some kill it."""
    try:
        started = Server(tmp_path_factory.mktemp("qdrant"))
        started.start()
    except Absent as missing:
        pytest.skip(f"absent: {missing}")
    yield started
    started.stop()


@pytest.fixture
def collection(tmp_path: Path) -> str:
    return "q" + hashlib.sha256(str(tmp_path).encode()).hexdigest()[:12]


@pytest.fixture
def clock() -> Time:
    return Time()


@pytest.fixture
def make(clock: Time, tmp_path: Path) -> Maker:
    return Maker(clock, str(tmp_path))


@pytest.fixture
def opened(server: Server, collection: str, clock: Time, tmp_path: Path) -> Opened:
    """Opens a provider: `dimension`, and options in place of those of the test's own collection."""

    @asynccontextmanager
    async def opening(dimension: int | None = DIMENSION, **given: Any):  # noqa: ANN202 -- the type is Opened's
        options = given if "path" in given else {"url": server.url, "collection": collection, **given}
        kit = Kit(name="main", clock=clock, home=tmp_path, dimension=dimension)
        provider = Qdrant(msgspec.convert(options, Qdrant.Options, dec_hook=lambda kind, text: kind(text)), kit)
        async with AsyncExitStack() as stack:
            await provider.open(stack)
            yield provider

    return opening


@pytest.fixture
async def provider(opened: Opened) -> Any:
    async with opened() as found:
        yield found
