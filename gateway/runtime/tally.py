"""The meters of all workers of one gateway, added up, so that a scrape tells the same whichever worker answers it.

Each worker keeps its own figures in one file of a folder that they share, and adds the others' last ones to its own.
The file of a worker that has died still counts. Knows nothing of how figures are shown.
"""

import asyncio
import uuid
from pathlib import Path
from typing import Final

import msgspec

from gateway.runtime.meters import Labels, Meter, Meters

SECONDS: Final = 1.0  # how old another worker's figures can be
_SUFFIX: Final = ".meters"


class Figures(msgspec.Struct, frozen=True, array_like=True):
    """Meters as they are written down."""

    operations: list[tuple[Labels, Meter]]
    breaches: dict[str, int]
    faults: list[tuple[tuple[str, str, str], int]]
    problems: dict[str, int]
    reloads: list[tuple[tuple[str, str], int]]
    links: list[tuple[tuple[str, str], int]]
    sheds: dict[str, int]
    retention: list[tuple[tuple[str, str, str], int]]
    hooks: list[tuple[tuple[str, str, str, str], int]] = []


class Tally:
    """`folder` is None where there is one worker only: then its meters are the total."""

    def __init__(self, meters: Meters, folder: Path | None) -> None:
        self._meters = meters
        self._folder = folder
        self._name = f"{uuid.uuid4().hex}{_SUFFIX}"  # never another's, not even one with this process's number
        self._written = b""

    async def total(self) -> Meters:
        """A sum of this worker's figures as they are and the others' as they were at most SECONDS ago."""
        if self._folder is None:
            return self._meters
        own = figures(self._meters)
        others = await asyncio.to_thread(self._others)
        return added([own, *others])

    async def keep(self) -> None:
        """Writes for as long as it is not cancelled."""
        while True:
            await asyncio.sleep(SECONDS)
            self.write()

    def write(self) -> None:
        """What there is now, where it has changed: a small file, sooner written than handed to a thread."""
        if self._folder is None:
            return
        content = msgspec.msgpack.encode(figures(self._meters))
        if content == self._written:
            return
        passing = self._folder / f"{self._name}.new"
        passing.write_bytes(content)
        passing.replace(self._folder / self._name)
        self._written = content

    def _others(self) -> list[Figures]:
        if self._folder is None:
            return []
        files = sorted(file for file in self._folder.glob(f"*{_SUFFIX}") if file.name != self._name)
        return [msgspec.msgpack.decode(file.read_bytes(), type=Figures) for file in files]


def figures(meters: Meters) -> Figures:
    return Figures(
        list(meters.operations.items()),
        meters.breaches,
        list(meters.faults.items()),
        meters.problems,
        list(meters.reloads.items()),
        list(meters.links.items()),
        meters.sheds,
        list(meters.retention.items()),
        list(meters.hooks.items()),
    )


def added(all_of: list[Figures]) -> Meters:
    """New meters that hold the sums."""
    total = Meters()
    for each in all_of:
        for labels, meter in each.operations:
            total.meter(labels).add(meter)
        for provider, rows in each.breaches.items():
            total.breach(provider, rows)
        for (tenant, route, code), count in each.faults:
            total.fault(tenant, route, code, count)
        for code, count in each.problems.items():
            total.problem(code, count)
        for (result, stage), count in each.reloads:
            total.reload(result, stage, count)
        for (provider, what), count in each.links:
            total.link(provider, what, count)
        for reason, count in each.sheds.items():
            total.shed(reason, count)
        for place, count in each.retention:
            total.keep(*place, count)
        for place, count in each.hooks:
            total.hook(*place, count)
    return total
