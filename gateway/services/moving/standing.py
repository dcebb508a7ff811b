"""How far a move has come, kept in one small file: replaced as a whole after every page, so that a killed move goes on.

The file holds positions, counts and ids that were refused, never contents. It belongs to one pair of stores.
"""

import asyncio
import os
from datetime import datetime
from pathlib import Path
from typing import Final, Literal

import msgspec

from gateway.domain.errors import Misconfigured
from gateway.domain.ports import Position

_FORMAT: Final = "memory-gateway-migration"


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """One tenant's. What was written from `since` on may not have been seen. `done`: everything was gone through once."""

    since: datetime
    after: Position | None = None
    read: int = 0
    stored: int = 0
    refused: tuple[str, ...] = ()
    done: bool = False


class _Kept(msgspec.Struct, frozen=True, kw_only=True):
    format: Literal["memory-gateway-migration"]
    source: str
    target: str
    pair: str
    tenants: dict[str, Standing] = {}


class Log:
    """`pair` is a fingerprint of both declarations: another one is another move."""

    def __init__(self, file: Path | None, source: str, target: str, pair: str) -> None:
        """Without a file nothing outlives the process."""
        self._file = file
        self._kept = _Kept(format=_FORMAT, source=source, target=target, pair=pair)

    def read(self) -> None:
        """Takes up what the file says, where there is one. Misconfigured where it is another move's, or no such file."""
        if self._file is None or not self._file.exists():
            return
        try:
            kept = msgspec.json.decode(self._file.read_bytes(), type=_Kept)
        except msgspec.DecodeError:
            raise Misconfigured(f"{self._file} is not the state of a migration") from None
        if (kept.source, kept.target) != (self._kept.source, self._kept.target):
            raise Misconfigured(f"{self._file} belongs to the migration from {kept.source!r} to {kept.target!r}")
        if kept.pair != self._kept.pair:
            raise Misconfigured(
                f"{self._file} belongs to {kept.source!r} and {kept.target!r} as they were declared then; "
                "they are declared differently now, so name another file to begin anew"
            )
        self._kept = kept

    def of(self, tenant: str) -> Standing | None:
        return self._kept.tenants.get(tenant)

    async def note(self, tenant: str, standing: Standing) -> None:
        """On the disk when it returns."""
        self._kept = msgspec.structs.replace(self._kept, tenants={**self._kept.tenants, tenant: standing})
        if self._file is not None:
            await asyncio.to_thread(_replace, self._file, msgspec.json.encode(self._kept))


def _replace(file: Path, content: bytes) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    passing = file.with_name(f"{file.name}.new")
    handle = os.open(passing, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(handle)
    passing.replace(file)
    folder = os.open(file.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
