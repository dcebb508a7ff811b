"""A gateway as a process on data that outlives it."""

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from tests.gateways import Process, process


@contextmanager
def served(home: Path, text: str) -> Generator[Process]:
    """A second one in the same home finds the first one's data."""
    (home / "gateway.yaml").write_text(text)
    with process(home / "gateway.yaml") as running:
        yield running
