"""One gateway process for all of a worker's tests here, as users run it; each test is a user of its own."""

from collections.abc import Generator

import pytest

from tests.gateways import SQLITE, process


@pytest.fixture(scope="session")
def gateway_url(tmp_path_factory: pytest.TempPathFactory) -> Generator[str]:
    config = tmp_path_factory.mktemp("gateway") / "gateway.yaml"
    config.write_text(SQLITE)
    with process(config) as served:
        yield served.url
