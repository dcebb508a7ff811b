"""The servers that tests talk to: a module each, started on a free port, stopped and removed at the end.

A server that cannot be started here is Absent, which the run prints; `GATEWAY_TEST_<BACKEND>_URL` names one that runs
elsewhere and is used instead.
"""

import os
import socket

from gateway.testing.subjects import Absent

__all__ = ["Absent", "free_port", "given"]


def given(backend: str) -> str | None:
    """The address of a real service that the one who runs the tests has named for this backend."""
    return os.environ.get(f"GATEWAY_TEST_{backend.upper()}_URL") or None


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]
