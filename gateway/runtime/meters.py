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


def _empty() -> list[int]:
    return [0] * (len(BOUNDS) + 1)


class Meter(msgspec.Struct):
    """One operation of one route."""

    operations: int = 0
    seconds: float = 0.0
    buckets: list[int] = msgspec.field(default_factory=_empty)
    errors: dict[str, int] = {}

    def observe(self, seconds: float, error: str = "") -> None:
        self.operations += 1
        self.seconds += seconds
        self.buckets[bisect_left(BOUNDS, seconds)] += 1
        if error:
            self.errors[error] = self.errors.get(error, 0) + 1

    def add(self, other: "Meter") -> None:
        self.operations += other.operations
        self.seconds += other.seconds
        self.buckets = [mine + theirs for mine, theirs in zip(self.buckets, other.buckets, strict=True)]
        for code, count in other.errors.items():
            self.errors[code] = self.errors.get(code, 0) + count


class Meters:
    """All meters of a process, or the sums of several."""

    def __init__(self) -> None:
        self.operations: dict[Labels, Meter] = {}
        self.breaches: dict[str, int] = {}  # rows that a provider returned from outside the reach
        self.faults: dict[tuple[str, str, str], int] = {}  # what was lived with, by tenant, route and code
        self.links: dict[tuple[str, str], int] = {}  # what the links of chains did with a provider
        self.problems: dict[str, int] = {}  # replies that were problems, by code
        self.reloads: dict[tuple[str, str], int] = {}  # attempts, by result and the stage they ended in
        self.hooks: dict[tuple[str, str, str, str], int] = {}  # answers, by tenant, route, hook and what was answered
        self.retention: dict[tuple[str, str, str], int] = {}  # records, by tenant, route and what became of them
        self.sheds: dict[str, int] = {}  # requests that were refused because there were too many, by reason

    def link(self, provider: str, what: str, times: int = 1) -> None:
        self.links[provider, what] = self.links.get((provider, what), 0) + times

    def meter(self, labels: Labels) -> Meter:
        found = self.operations.get(labels)
        if found is None:
            found = self.operations[labels] = Meter()
        return found

    def breach(self, provider: str, rows: int) -> None:
        self.breaches[provider] = self.breaches.get(provider, 0) + rows

    def fault(self, tenant: str, route: str, code: str, times: int = 1) -> None:
        self.faults[tenant, route, code] = self.faults.get((tenant, route, code), 0) + times

    def problem(self, code: str, times: int = 1) -> None:
        self.problems[code] = self.problems.get(code, 0) + times

    def hook(self, tenant: str, route: str, hook: str, answer: str, times: int = 1) -> None:
        place = tenant, route, hook, answer
        self.hooks[place] = self.hooks.get(place, 0) + times

    def keep(self, tenant: str, route: str, what: str, times: int = 1) -> None:
        self.retention[tenant, route, what] = self.retention.get((tenant, route, what), 0) + times

    def shed(self, reason: str, times: int = 1) -> None:
        self.sheds[reason] = self.sheds.get(reason, 0) + times

    def reload(self, result: str, stage: str, times: int = 1) -> None:
        self.reloads[result, stage] = self.reloads.get((result, stage), 0) + times
