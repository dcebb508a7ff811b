"""Fixtures of the clauses: a subject each, a place of its own, a clock to move, a provider opened there."""

import hashlib
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import ExitStack
from importlib import import_module
from pathlib import Path
from typing import cast

import pytest

from gateway.domain.ports import Capabilities, Provider
from gateway.testing.making import Maker, Time
from gateway.testing.subjects import Absent, Place, Subject

Servers = Callable[[Subject], Mapping[str, str]]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "subject" not in metafunc.fixturenames:
        return
    named: str = metafunc.config.getoption("--conformance-subjects") or metafunc.config.getini("conformance_subjects")
    module, _, name = named.partition(":")
    if not name:
        raise pytest.UsageError("say what to test: --conformance-subjects=module:NAME")
    subjects: tuple[Subject, ...] = getattr(import_module(module), name)
    metafunc.parametrize("subject", subjects, ids=[each.name for each in subjects])


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    """Starts a subject's server at its first clause; all stop at the end of the run."""
    running: dict[str, Mapping[str, str]] = {}
    absent: dict[str, str] = {}
    with ExitStack() as stack:

        def facts(subject: Subject) -> Mapping[str, str]:
            if subject.server is None:
                return {}
            if subject.name in absent:
                pytest.skip(absent[subject.name])
            if subject.name not in running:
                try:
                    running[subject.name] = stack.enter_context(subject.server(tmp_path_factory.mktemp(subject.name)))
                except Absent as missing:
                    absent[subject.name] = f"absent: {missing}"
                    pytest.skip(absent[subject.name])
            return running[subject.name]

        yield facts


@pytest.fixture
def place(subject: Subject, servers: Servers, tmp_path: Path) -> Place:
    token = "c" + hashlib.sha256(str(tmp_path).encode()).hexdigest()[:12]
    return Place(tmp_path, token, servers(subject))


@pytest.fixture(autouse=True)
def capable(request: pytest.FixtureRequest) -> None:
    """A clause marked `needs` is skipped, with the word, where the subject does not declare what it needs."""
    # pytest has a type for it from 9.2 on
    clause = cast("pytest.Function", request.node)  # pyright: ignore[reportUnknownMemberType]
    if "subject" in request.fixturenames:
        subject: Subject = request.getfixturevalue("subject")
        if clause.originalname in subject.spared:
            pytest.skip("spared: it takes too long there")
        if subject.themes and request.path.stem.removeprefix("test_") not in subject.themes:
            pytest.skip("spared: the provider's other subject runs it")
    needs = [str(word) for marker in clause.iter_markers("needs") for word in marker.args]
    if not needs:
        return
    declared: Capabilities = request.getfixturevalue("subject").capabilities(request.getfixturevalue("place"))
    for word in needs:
        if word not in declared.kinds and not getattr(declared, word, False):
            pytest.skip(f"not capable: {word}")


@pytest.fixture
def clock() -> Time:
    return Time()


@pytest.fixture
def make(clock: Time, tmp_path: Path) -> Maker:
    return Maker(clock, str(tmp_path))


@pytest.fixture
async def provider(subject: Subject, place: Place, clock: Time) -> AsyncIterator[Provider]:
    async with subject.opened(place, clock) as opened:
        yield opened
