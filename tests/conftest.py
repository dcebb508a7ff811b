"""Loads what must be there before the folders below are read, and says how a run is spread over processes."""

import gc
import os
from pathlib import Path

import pytest

pytest_plugins = ("tests.figures",)

HERE = Path(__file__).parent


def pytest_xdist_auto_num_workers() -> int:
    """Two for each core: much of the time is spent waiting for servers, disks and clocks."""
    return 2 * (os.cpu_count() or 1)


@pytest.hookimpl(tryfirst=True)  # before items are given to processes
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """One process runs a whole file, so that what its tests share is set up once."""
    for item in items:
        if item.path.is_relative_to(HERE) and not item.get_closest_marker("xdist_group"):
            item.add_marker(pytest.mark.xdist_group(item.path.relative_to(HERE).as_posix()))


def pytest_collection_finish() -> None:
    """What was collected lives until the end: the garbage collector need never look at it again."""
    gc.collect()
    gc.freeze()
