"""One stand-in for all of these tests; each has a prefix of its own."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.testing.making import Maker, Time
from tests.providers.zep.places import Seen, Server, named
from tests.servers import Absent
from tests.servers.zep import zep


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    try:
        with zep(tmp_path_factory.mktemp("zep")) as running:
            yield running
    except Absent as missing:
        pytest.skip(f"absent: {missing}")


@pytest.fixture
def prefix(tmp_path: Path) -> str:
    return named(str(tmp_path))


@pytest.fixture
def clock() -> Time:
    return Time()


@pytest.fixture
def make(clock: Time, prefix: str) -> Maker:
    return Maker(clock, prefix)


@pytest.fixture
def seen(server: Server, prefix: str) -> Seen:
    return Seen(server, prefix)
