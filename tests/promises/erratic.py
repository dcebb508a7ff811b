"""A backend that opens, answers and closes as badly as its options say, and a yard that counts what became of each."""

import asyncio
import contextlib
import fcntl
import os
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from datetime import timedelta
from pathlib import Path
from typing import ClassVar, Literal

import msgspec

from gateway.config.catalog import Catalog
from gateway.domain.errors import Unavailable
from gateway.domain.ports import Capabilities, Kit, Page, Scan
from gateway.domain.record import Kind, Record
from gateway.domain.scope import Reach, Scope
from gateway.providers.memory import Memory, MemoryOptions

CANARY = "canary-in-a-driver's-words"


class Yard:
    """What all instances of one test have come to."""

    def __init__(self) -> None:
        self.open: list[Erratic] = []
        self.half: int = 0  # opened in part and not cleaned up
        self.late = 0  # calls of an instance that was closed
        self.made = 0
        self.scans = 0  # under way
        self.failing = ""  # how every opening goes from now on, whatever its options say

    def tags(self) -> list[int]:
        return sorted(each.tag for each in self.open)


class ErraticOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    tag: int = 0
    opening: Literal["well", "raise", "refuse", "hang", "cancel", "half"] = "well"
    closing: Literal["well", "raise", "hang"] = "well"
    slow: float = 0.0
    lock: str = ""  # a file that only one instance can hold


class Erratic:
    """Keeps what it is given as `memory` does; every scan finds ten records that bear its tag as well."""

    type_name: ClassVar[str] = "erratic"
    Options: ClassVar[type[ErraticOptions]] = ErraticOptions
    yard: ClassVar[Yard]

    def __init__(self, options: ErraticOptions, kit: Kit) -> None:
        self._options = options
        self._kit = kit
        self._kept = Memory(MemoryOptions(), kit)
        self._is_open = False
        self.tag = options.tag

    @classmethod
    def capabilities(cls, options: ErraticOptions) -> Capabilities:
        exclusive = frozenset({f"file:{options.lock}"}) if options.lock else frozenset[str]()
        return Capabilities(kinds=frozenset(Kind), exclusive=exclusive)

    async def open(self, stack: AsyncExitStack) -> None:
        self.yard.made += 1
        match self.yard.failing or self._options.opening:
            case "raise":
                raise RuntimeError(CANARY)
            case "refuse":
                raise Unavailable("nobody answers")
            case "hang":
                await asyncio.Event().wait()
            case "cancel":
                raise asyncio.CancelledError
            case "half":
                self.yard.half += 1
                stack.callback(self._whole)
                raise RuntimeError(CANARY)
            case _:
                pass
        if self._options.lock:
            handle = os.open(self._kit.home / self._options.lock, os.O_CREAT | os.O_RDWR)
            stack.callback(os.close, handle)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                raise Unavailable("another instance holds the file") from None
        self._is_open = True
        self.yard.open.append(self)
        stack.push_async_callback(self._close)

    def _whole(self) -> None:
        self.yard.half -= 1

    async def _close(self) -> None:
        self._is_open = False
        self.yard.open.remove(self)
        if self._options.closing == "raise":
            raise RuntimeError(CANARY)
        if self._options.closing == "hang":
            await asyncio.Event().wait()

    def _called(self) -> None:
        if not self._is_open:
            self.yard.late += 1
            raise Unavailable("called after it was closed", code="closed")

    async def put(self, records: Sequence[Record]) -> Sequence[bool]:
        self._called()
        return await self._kept.put(records)

    async def get(self, reach: Reach, ids: Sequence[str]) -> Sequence[Record | None]:
        self._called()
        return await self._kept.get(reach, ids)

    async def delete(self, reach: Reach, ids: Sequence[str]) -> int:
        self._called()
        return await self._kept.delete(reach, ids)

    async def scan(self, reach: Reach, scan: Scan) -> Page:
        self._called()
        self.yard.scans += 1
        try:
            await asyncio.sleep(self._options.slow)
            self._called()
        finally:
            self.yard.scans -= 1
        now = self._kit.clock()
        scope = Scope(reach.tenant, reach.space or "", reach.user or "", reach.agent or "", reach.run or "")
        return Page(
            tuple(
                Record(
                    id=f"r{n}",
                    kind=Kind.MEMORY,
                    scope=scope,
                    text=f"tag {self.tag}",
                    metadata={"tag": self.tag},
                    created_at=now - timedelta(seconds=n),
                    updated_at=now,
                )
                for n in range(min(10, scan.limit))
            )
        )


def with_erratic(yard: Yard) -> Catalog:
    """What is built in, and this backend, whose instances count in that yard."""
    known = Catalog.builtin()
    plugin = type("Erratic", (Erratic,), {"yard": yard})
    return msgspec.structs.replace(known, providers={**known.providers, "erratic": plugin})


def put_file(file: Path, text: str) -> None:
    """As a careful editor does: the file is there with its old or with its new content."""
    file.parent.mkdir(parents=True, exist_ok=True)
    passing = file.with_name(f".{file.name}.new")
    passing.write_text(text)
    passing.replace(file)


async def until(true: Callable[[], bool], seconds: float = 5.0) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            while not true():  # noqa: ASYNC110 - it waits for whatever the test says
                await asyncio.sleep(0.01)
    assert true()
