"""A clock to move, and records that no other test has."""

from pathlib import Path

import pytest

from gateway.testing.making import Maker, Time


@pytest.fixture
def clock() -> Time:
    return Time()


@pytest.fixture
def make(clock: Time, tmp_path: Path) -> Maker:
    return Maker(clock, str(tmp_path))
