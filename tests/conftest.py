"""Loads what must be there before the folders below are read, and says how many processes a run is spread over."""

import os

pytest_plugins = ("tests.figures",)


def pytest_xdist_auto_num_workers() -> int:
    """Two for each core: much of the time is spent waiting for servers, disks and clocks."""
    return 2 * (os.cpu_count() or 1)
