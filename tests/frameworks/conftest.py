"""One gateway process for all of a worker's tests here, as users run it; each test is a user of its own."""

from collections.abc import Generator

import pytest

from tests.gateways import SQLITE, process

WITH_ROUTES = f"""faces: {{mcp: true}}
{SQLITE.lstrip()}
      any: {{chain: main, space: any, scope: {{allow: [user, agent, run]}}}}
      short: {{chain: main, limits: {{max_page: 3}}}}
      strict: {{chain: main, retrieval: {{strategy: recent, top_k: 3, overrides: []}}}}
"""


@pytest.fixture(scope="session")
def gateway_url(tmp_path_factory: pytest.TempPathFactory) -> Generator[str]:
    config = tmp_path_factory.mktemp("gateway") / "gateway.yaml"
    config.write_text(WITH_ROUTES)
    with process(config) as served:
        yield served.url
