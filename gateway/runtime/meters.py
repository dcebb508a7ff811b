"""What is counted, as plain numbers: an operation costs a dictionary look-up and two additions.

Meters are bound when a Snapshot is built and live longer than it, so counters never fall at a reload. They hold names
of tenants, routes, providers and operations; never ids of users, contents or secrets.
"""

from bisect import bisect_left
from typing import Final

import msgspec

BOUNDS: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class Labels(msgspec.Struct, frozen=True, order=True):
    tenant: str
    route: str
    provider: str
    operation: str


class Meter:
    """One operation of one route."""

    __slots__ = ("buckets", "errors", "operations", "seconds")

    def __init__(self) -> None:
        self.operations = 0
        self.seconds = 0.0
        self.buckets = [0] * (len(BOUNDS) + 1)
        self.errors: dict[str, int] = {}

    def observe(self, seconds: float, error: str = "") -> None:
        self.operations += 1
        self.seconds += seconds
        self.buckets[bisect_left(BOUNDS, seconds)] += 1
        if error:
            self.errors[error] = self.errors.get(error, 0) + 1


class Meters:
    """All meters of a process."""

    def __init__(self) -> None:
        self.operations: dict[Labels, Meter] = {}
        self.breaches: dict[str, int] = {}  # rows that a provider returned from outside the reach
        self.faults: dict[tuple[str, str, str], int] = {}  # what was lived with, by tenant, route and code
        self.problems: dict[str, int] = {}  # replies that were problems, by code

    def meter(self, labels: Labels) -> Meter:
        found = self.operations.get(labels)
        if found is None:
            found = self.operations[labels] = Meter()
        return found

    def breach(self, provider: str, rows: int) -> None:
        self.breaches[provider] = self.breaches.get(provider, 0) + rows

    def fault(self, tenant: str, route: str, code: str) -> None:
        self.faults[tenant, route, code] = self.faults.get((tenant, route, code), 0) + 1

    def problem(self, code: str) -> None:
        self.problems[code] = self.problems.get(code, 0) + 1
