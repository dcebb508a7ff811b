"""One stand-in for all tests of this folder, and a table of its own for each."""

import hashlib
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import msgspec
import pytest

from gateway.domain.ids import Clock
from gateway.domain.ports import Kit
from gateway.providers.aws import connect
from gateway.providers.dynamodb import Dynamodb
from gateway.testing.making import Maker, Time
from tests.servers import Absent
from tests.servers.aws import KEYS, dynamodb

Options = Callable[..., Any]


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mapping[str, str]]:
    try:
        with dynamodb(tmp_path_factory.mktemp("dynamodb")) as facts:
            yield facts
    except Absent as missing:
        pytest.skip(f"absent: {missing}")


@pytest.fixture
def table(tmp_path: Path) -> str:
    return "t" + hashlib.sha256(str(tmp_path).encode()).hexdigest()[:12]


@pytest.fixture
def settings(server: Mapping[str, str], table: str) -> dict[str, Any]:
    """Options as they stand in YAML."""
    return {
        "endpoint_url": server["endpoint_url"], "region": server["region"], **KEYS, "table_name": table,
        "connect_timeout": "30s", "timeout": "60s",
    }  # fmt: skip


def options(given: Mapping[str, Any]) -> Any:
    return msgspec.convert(dict(given), Dynamodb.Options, dec_hook=lambda kind, text: kind(text))


async def opened(stack: AsyncExitStack, given: Mapping[str, Any], clock: Clock, home: Any = None) -> Dynamodb:
    provider = Dynamodb(options(given), Kit(name="ledger", clock=clock, home=home))
    await provider.open(stack)
    return provider


@pytest.fixture
async def stack() -> AsyncIterator[AsyncExitStack]:
    async with AsyncExitStack() as entered:
        yield entered


@pytest.fixture
def clock() -> Time:
    return Time()


@pytest.fixture
def make(clock: Time, table: str) -> Maker:
    return Maker(clock, table)


@pytest.fixture
async def provider(stack: AsyncExitStack, settings: dict[str, Any], clock: Time) -> Dynamodb:
    return await opened(stack, settings, clock)


@pytest.fixture
async def raw(stack: AsyncExitStack, settings: dict[str, Any]) -> Any:
    """The driver itself, to look at the table as anybody may."""
    return await connect(stack, "dynamodb", options(settings).access(), "raw")
