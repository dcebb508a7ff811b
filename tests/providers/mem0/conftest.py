"""The two ways to mem0, each opened on a server of its own kind: `mem0` is whichever the test asks for, or both in turn."""

import tempfile
from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path

import pytest

from gateway.domain.ports import Provider
from gateway.testing.making import Maker, Time
from tests.servers.mem0_platform import mem0_platform
from tests.servers.openai import openai

from .opening import Opened, hosted, inside


@pytest.fixture(scope="session")
def model_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mapping[str, str]]:
    with openai(tmp_path_factory.mktemp("openai")) as told:
        yield told


@pytest.fixture
def model(model_server: Mapping[str, str]) -> str:
    """The address of the model server."""
    return model_server["url"]


@pytest.fixture
def store(model_server: Mapping[str, str]) -> Iterator[str]:
    """A folder for an embedded store."""
    with tempfile.TemporaryDirectory(dir=model_server["folder"]) as folder:
        yield folder


@pytest.fixture(scope="session")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mapping[str, str]]:
    with mem0_platform(tmp_path_factory.mktemp("platform")) as told:
        yield told


@pytest.fixture
def clock() -> Time:
    return Time()


@pytest.fixture
def make(clock: Time, tmp_path: Path) -> Maker:
    return Maker(clock, str(tmp_path))


@pytest.fixture(params=["inside", "hosted"])
def opened(
    request: pytest.FixtureRequest, model: str, store: str, platform: Mapping[str, str], tmp_path: Path, clock: Time
) -> Opened:
    """Opens the same place again and again."""
    return inside(model, store, tmp_path, clock) if request.param == "inside" else hosted(platform, tmp_path, clock)


@pytest.fixture
async def mem0(opened: Opened) -> AsyncIterator[Provider]:
    async with opened() as provider:
        yield provider
