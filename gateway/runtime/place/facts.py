"""What a look at the place may ask, and what it can answer. Everything outside comes in here, so that it can be told."""

import os
import resource
import shutil
import socket
import sqlite3
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, TypeAlias

import msgspec

from gateway.config.compiled import Config, Plugged
from gateway.config.sameness import needed


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """One line. `unknown` means that this place does not tell, not that all is well."""

    sort: Literal["problem", "unknown"]
    about: str
    what: str
    hint: str = ""

    def line(self) -> str:
        return f"{self.sort:<8} {self.about}: {self.what}" + (f" -- {self.hint}" if self.hint else "")


def problem(about: str, what: str, hint: str) -> Said:
    return Said(sort="problem", about=about, what=what, hint=hint)


def unknown(about: str, why: str) -> Said:
    return Said(sort="unknown", about=about, what=why)


def _may_write(path: Path) -> bool:
    return os.access(path, os.W_OK | (os.X_OK if path.is_dir() else 0))


def _open_files() -> int:
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return sys.maxsize if soft == resource.RLIM_INFINITY else soft


def _bind(host: str, port: int) -> None:
    """As the server would; the address is free again at once. OSError where it cannot be had."""
    family, kind, proto, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[
        0
    ]
    with socket.socket(family, kind, proto) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(address)
        probe.listen(1)


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """This machine as this process sees it."""

    host: str
    port: int
    workers: int
    proc: Path = Path("/proc")
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    may_write: Callable[[Path], bool] = _may_write
    free_bytes: Callable[[Path], int] = lambda path: shutil.disk_usage(path).free
    open_files: Callable[[], int] = _open_files
    bind: Callable[[str, int], None] = _bind
    python: tuple[int, ...] = tuple(sys.version_info[:3])
    sqlite: tuple[int, ...] = sqlite3.sqlite_version_info


Check: TypeAlias = Callable[[Config, Place], Iterator[Said]]


def providers(config: Config) -> list[Plugged]:
    """The providers that routes use."""
    return [each.declared for (sort, _), each in sorted(needed(config).items()) if sort == "provider"]


def kept_files(config: Config) -> Iterator[tuple[Plugged, Path]]:
    """Each provider that keeps its records in a file, with that file: what it says that only one may open."""
    for declared in providers(config):
        for thing in sorted(declared.plugin.capabilities(declared.options).exclusive):
            kind, _, name = thing.partition(":")
            if kind == "file" and name:
                yield declared, (config.home / Path(name).expanduser()).absolute()


def standing(path: Path) -> Path:
    """The nearest thing on the way to a path that is there."""
    return next(each for each in (path, *path.parents) if each.exists())
