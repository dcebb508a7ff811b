"""The gateway that mem0's clients call: one for all tests of a worker."""

from collections.abc import Generator

import pytest

from tests.faces.compat.mem0.world import Side, side


@pytest.fixture(scope="session")
def mem0_side(tmp_path_factory: pytest.TempPathFactory) -> Generator[Side]:
    with side(tmp_path_factory.mktemp("mem0")) as made:
        yield made
