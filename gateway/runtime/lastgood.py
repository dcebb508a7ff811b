"""The files of the last good configuration, kept beside the state, so that a gateway can start from them.

Keeps them as they were written and as they were checked, references unresolved. What a `${file:}` names is not copied,
only where it is: no secret is stored that was not in a file of the configuration itself.
"""

import hashlib
import os
import shutil
from pathlib import Path
from typing import Final

import msgspec

from gateway.config.compiled import Compiled

_KEPT: Final = "last-good"
_ABOUT: Final = "about.json"
_FILES: Final = "files"


class About(msgspec.Struct, frozen=True, kw_only=True):
    """`home` is where the configuration lived: relative paths in it start there."""

    gateway: str  # the gateway's file, as it was named
    home: str
    digest: str


class LastGood:
    """Replaced as a whole: a reader finds the old copy or the new one, never a mixture."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def keep(self, read: Compiled) -> None:
        """Blocks for as long as copying takes. OSError leaves what was kept before, also where a file is no longer what
        was checked: then another configuration is about to be applied.
        """
        target = self._folder / f"{_KEPT}-{hashlib.sha256(read.digest.encode()).hexdigest()[:16]}"
        passing = target.with_suffix(".new")
        shutil.rmtree(passing, ignore_errors=True)
        passing.mkdir(mode=0o700, parents=True)
        # At the paths they have, below `files`: so a pattern that leads upwards leads to the same files.
        for file in {read.file, *read.owners}:
            if read.owners.get(file, "") in read.broken:
                # What serves in its place is what was kept of it before.
                _copy(_below(self._folder / _KEPT, file), _below(passing, file), "")
            else:
                _copy(file, _below(passing, file), read.hashes[file])
        for file in read.files:
            if file != read.file and file not in read.owners:
                _link(_below(passing, file), file.absolute())
        if read.broken:
            before = self._folder / _KEPT / _FILES
            for link in before.rglob("*"):
                if link.is_symlink():
                    _link(passing / _FILES / link.relative_to(before), link.readlink())
        gateway = read.file.absolute()
        about = About(gateway=str(gateway), home=str(gateway.parent), digest=read.digest)
        (passing / _ABOUT).write_bytes(msgspec.json.encode(about))
        shutil.rmtree(target, ignore_errors=True)
        passing.rename(target)
        newest = self._folder / f"{_KEPT}.new"
        newest.unlink(missing_ok=True)
        newest.symlink_to(target.name)
        newest.replace(self._folder / _KEPT)
        for old in self._folder.glob(f"{_KEPT}-*"):
            if old != target:
                shutil.rmtree(old, ignore_errors=True)

    def found(self) -> tuple[Path, Path] | None:
        """The kept gateway file and the folder it lived in; None where nothing is kept."""
        kept = self._folder / _KEPT
        try:
            about = msgspec.json.decode((kept / _ABOUT).read_bytes(), type=About)
        except (OSError, msgspec.DecodeError):
            return None
        return _below(kept.resolve(), Path(about.gateway)), Path(about.home)


def _below(kept: Path, file: Path) -> Path:
    # As the path is written, without following links: what is relative in it stays so.
    absolute = Path(os.path.normpath(file.absolute()))
    return kept / _FILES / absolute.relative_to(absolute.anchor)


def _copy(file: Path, copy: Path, digest: str) -> None:
    """`digest` is "" for one that need not be there."""
    if not digest and not file.is_file():
        return
    content = file.read_bytes()
    if digest and hashlib.sha256(content).hexdigest() != digest:
        raise OSError(f"{file.name} has changed since it was checked")
    copy.parent.mkdir(parents=True, exist_ok=True)
    copy.write_bytes(content)


def _link(link: Path, file: Path) -> None:
    if not link.is_symlink():
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(file)
