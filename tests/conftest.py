"""Loads what must be there before the folders below are read, and says how many processes a run is spread over."""

import os

pytest_plugins = ("tests.figures",)


def pytest_xdist_auto_num_workers() -> int:
    """One more than there are cores: much of the time is spent waiting for servers, disks and clocks."""
    return (os.cpu_count() or 1) + 1
