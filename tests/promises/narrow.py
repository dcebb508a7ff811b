"""A backend that serves so many scans a second and no more, as all real ones do, in a package that a gateway finds.

What it keeps is in memory. Whoever comes while all its lanes are taken waits for as long as it takes.
"""

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import ClassVar, Final

import msgspec
import pytest

from gateway.domain.ports import Capabilities, Kit, Page, Scan
from gateway.domain.record import Kind, Record
from gateway.domain.scope import Reach
from gateway.providers.memory import Memory, MemoryOptions

ROOT: Final = Path(__file__).parents[2]


class NarrowOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    lanes: int = 8
    seconds: float = 0.04  # of one scan


class Narrow:
    type_name: ClassVar[str] = "narrow"
    Options: ClassVar[type[NarrowOptions]] = NarrowOptions

    def __init__(self, options: NarrowOptions, kit: Kit) -> None:
        self._options = options
        self._kept = Memory(MemoryOptions(), kit)
        self._lanes = asyncio.Semaphore(options.lanes)

    @classmethod
    def capabilities(cls, options: NarrowOptions) -> Capabilities:  # noqa: ARG003 - the same for all options
        return Capabilities(kinds=frozenset(Kind))

    async def open(self, stack: AsyncExitStack) -> None:
        await self._kept.open(stack)

    async def put(self, records: Sequence[Record]) -> Sequence[bool]:
        return await self._kept.put(records)

    async def get(self, reach: Reach, ids: Sequence[str]) -> Sequence[Record | None]:
        return await self._kept.get(reach, ids)

    async def delete(self, reach: Reach, ids: Sequence[str]) -> int:
        return await self._kept.delete(reach, ids)

    async def scan(self, reach: Reach, scan: Scan) -> Page:
        async with self._lanes:
            await asyncio.sleep(self._options.seconds)
            return await self._kept.scan(reach, scan)


def install(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Gateways that are started from here on know the type `narrow`."""
    told = home / "packages" / "narrow-1.0.dist-info"
    told.mkdir(parents=True)
    (told / "METADATA").write_text("Metadata-Version: 2.1\nName: narrow\nVersion: 1.0\n")
    (told / "entry_points.txt").write_text("[memory_gateway.providers]\nnarrow = tests.promises.narrow:Narrow\n")
    monkeypatch.setenv("PYTHONPATH", f"{told.parent}:{ROOT}")
