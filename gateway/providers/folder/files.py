"""Few steps with files that hold whatever is killed: written whole or not at all, and flushed with their folders.

Blocks. Knows no records.
"""

import contextlib
import os
import time
from collections.abc import Generator, Iterable
from pathlib import Path
from typing import Final

from gateway.domain.errors import Unavailable

_PAUSE: Final = 0.003
_PRIVATE: Final = 0o600


def write(file: Path, content: bytes) -> None:
    """Flushed to the disk, but not yet under a name that lasts: see `flush`."""
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, _PRIVATE), "wb", buffering=0) as opened:
        view = memoryview(content)
        while view:
            view = view[opened.write(view) :]
        os.fsync(opened.fileno())


def read(file: Path) -> bytes | None:
    try:
        return file.read_bytes()
    except FileNotFoundError:
        return None


def flush(folders: Iterable[Path]) -> None:
    """Makes the names in the folders last: what was made, renamed or removed there."""
    for folder in dict.fromkeys(folders):
        with contextlib.suppress(FileNotFoundError):  # removed as empty, which says all there was to say
            opened = os.open(folder, os.O_RDONLY)
            try:
                os.fsync(opened)
            finally:
                os.close(opened)


def make(folder: Path) -> None:
    """The folder and those above it, each flushed into the one above."""
    if folder.is_dir():
        return
    make(folder.parent)
    with contextlib.suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    flush([folder.parent])


def names(folder: Path) -> list[str]:
    try:
        return os.listdir(folder)  # noqa: PTH208 -- names are wanted, thousands of them, not paths
    except (FileNotFoundError, NotADirectoryError):  # what others put beside the index is none of it
        return []


def prune(folder: Path, top: Path) -> None:
    """Removes the folder and those above it, up to `top`, as far as they are empty."""
    while folder != top:
        try:
            folder.rmdir()
        except OSError:  # it is not empty, or already gone
            return
        folder = folder.parent


@contextlib.contextmanager
def locked(file: Path, seconds: float, name: str) -> Generator[None]:
    """Alone among all processes and threads that lock this file. The lock of a killed process is free."""
    import fcntl  # systems without it must still be able to read about this provider

    opened = os.open(file, os.O_RDWR | os.O_CREAT, _PRIVATE)
    try:
        until = time.monotonic() + seconds
        while True:
            try:
                fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > until:
                    raise Unavailable(f"{name}: another process kept the folder locked", code="folder_busy") from None
                time.sleep(_PAUSE)
        yield
    finally:
        os.close(opened)
