"""A gateway in front of a model that repeats what it is told, both as processes of their own."""

import os
from collections.abc import Iterator

import pytest

from gateway.auth.keys import hash_key, new_key
from tests.faces.llm.proxied import FILE, Proxied
from tests.gateways import process
from tests.servers.openai import running


@pytest.fixture(scope="package")
def model(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with running("tests.servers.models", tmp_path_factory.mktemp("model")) as (port, _):
        yield f"http://127.0.0.1:{port}/v1"


@pytest.fixture(scope="package")
def proxied(model: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxied]:
    home = tmp_path_factory.mktemp("proxied")
    (home / "model.key").write_text("sk-upstream-own")
    key = new_key(os.urandom).text
    (home / "gateway.yaml").write_text(FILE.format(model=model, hash=hash_key(key)))
    with process(home / "gateway.yaml") as served:
        yield Proxied(served.url, model, key)
