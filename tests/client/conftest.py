"""One gateway process for all tests of the client; each test is a user of its own."""

from collections.abc import Generator

import pytest

from tests.gateways import MEMORY, process


@pytest.fixture(scope="session")
def gateway_url(tmp_path_factory: pytest.TempPathFactory) -> Generator[str]:
    config = tmp_path_factory.mktemp("client") / "gateway.yaml"
    config.write_text(MEMORY)
    with process(config) as served:
        yield served.url
