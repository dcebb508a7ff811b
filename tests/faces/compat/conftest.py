"""The gateways that clients call: one for all tests of a worker, and a tenant of one's own on it."""

from collections.abc import AsyncGenerator, Generator

import pytest

from tests.faces.compat.mem0.raw import Raw, over
from tests.faces.compat.mem0.world import Side, side
from tests.faces.compat.place import Place, place


@pytest.fixture(scope="session")
def mem0_side(tmp_path_factory: pytest.TempPathFactory) -> Generator[Side]:
    with side(tmp_path_factory.mktemp("mem0")) as made:
        yield made


@pytest.fixture
async def each(mem0_side: Side) -> AsyncGenerator[Raw]:
    async with over(mem0_side) as made:
        yield made


@pytest.fixture(scope="session")
def compat_place(tmp_path_factory: pytest.TempPathFactory) -> Generator[Place]:
    with place(tmp_path_factory.mktemp("compat")) as made:
        yield made
