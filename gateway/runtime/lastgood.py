"""The files of the last good configuration, kept beside the state, so that a gateway can start from them.

Keeps the files as they were written, references unresolved: no secret that was not in them is stored. Files outside the
configuration's folder are not copied; they are read from where they are.
"""

import hashlib
import shutil
from pathlib import Path
from typing import Final

import msgspec

from gateway.config.compiled import Compiled

_KEPT: Final = "last-good"
_ABOUT: Final = "about.json"


class About(msgspec.Struct, frozen=True, kw_only=True):
    """`home` is where the configuration lived: relative paths in it start there."""

    gateway: str  # the gateway's file, within `files`
    home: str
    digest: str


class LastGood:
    """Replaced as a whole: a reader finds the old copy or the new one, never a mixture."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def keep(self, gateway: Path, read: Compiled) -> None:
        """Blocks for as long as copying takes. OSError leaves what was kept before."""
        home = gateway.parent
        name = hashlib.sha256(read.digest.encode()).hexdigest()[:16]
        target = self._folder / f"{_KEPT}-{name}"
        passing = target.with_suffix(".new")
        shutil.rmtree(passing, ignore_errors=True)
        for file in read.files:
            if file.is_relative_to(home):
                copy = passing / "files" / file.relative_to(home)
                copy.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(file, copy)
        about = About(gateway=str(gateway.relative_to(home)), home=str(home.absolute()), digest=read.digest)
        (passing / _ABOUT).write_bytes(msgspec.json.encode(about))
        shutil.rmtree(target, ignore_errors=True)
        passing.rename(target)
        link = self._folder / f"{_KEPT}.new"
        link.unlink(missing_ok=True)
        link.symlink_to(target.name)
        link.replace(self._folder / _KEPT)
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
        return kept.resolve() / "files" / about.gateway, Path(about.home)
