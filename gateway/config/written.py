"""What stands in the files before references are resolved, found by its place: so that a value can be shown as written.

Only for showing. What it reads again may have changed since the compilation; then a place holds nothing.
"""

import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final, cast

import msgspec

from gateway.config.catalog import PLAIN
from gateway.config.compiled import Config
from gateway.config.diagnostics import Mark
from gateway.config.located import Located, Where, read_tree
from gateway.config.text import read_text

MISSING: Final = object()


class Spot(msgspec.Struct, frozen=True):
    file: Path
    line: int
    column: int


class Written:
    """The trees of some files, by the places of their keys and values."""

    def __init__(self, trees: Iterable[Located]) -> None:
        self._values: dict[Spot, Any] = {}
        self._under: dict[Spot, Any] = {}
        self._files: dict[Path, Located] = {}
        for located in trees:
            self._files[located.text.file] = located
            for where, mark in located.values.items():
                self._values.setdefault(_spot(mark), _at(located.tree, where))
            for where, mark in located.keys.items():
                self._under.setdefault(_spot(mark), _at(located.tree, where))

    @classmethod
    def of(cls, config: Config) -> "Written":
        """Reads the files that hold the declarations of this config; not the files that hold referenced values."""
        return cls(_trees(config, unchanged=False))

    @classmethod
    def unchanged(cls, config: Config) -> "Written":
        """The same, of those files alone that still are as they were compiled."""
        return cls(_trees(config, unchanged=True))

    def knows(self, mark: Mark) -> bool:
        return mark.file in self._files

    def value(self, mark: Mark | None) -> Any:
        """The value that starts at a place; MISSING where none does."""
        return MISSING if mark is None else self._values.get(_spot(mark), MISSING)

    def place(self, file: Path, *where: str | int) -> Mark | None:
        """Where a value stands in a file, if it is written there."""
        located = self._files.get(file)
        return located.values.get(where) if located else None

    def tenant(self, mark: Mark) -> Any:
        """A tenant's own mapping, in whichever file it stands; MISSING where there is none."""
        inline = self.under(mark)
        if isinstance(inline, dict):
            return cast("Any", inline)
        located = self._files.get(mark.file)
        return located.tree if located else MISSING

    def under(self, mark: Mark | None) -> Any:
        """The value under the key that stands at a place; MISSING where there is none."""
        return MISSING if mark is None else self._under.get(_spot(mark), MISSING)


def refers(raw: Any) -> bool:
    """Whether there is a reference anywhere in a value as it is written."""
    if isinstance(raw, dict):
        return any(refers(each) for each in cast("dict[str, Any]", raw).values())
    if isinstance(raw, list):
        return any(refers(each) for each in cast("list[Any]", raw))
    return isinstance(raw, str) and "${" in raw


def _trees(config: Config, *, unchanged: bool) -> Iterator[Located]:
    for file in sorted(set(_files(config))):
        raw = file.read_bytes() if file.is_file() else b""
        if unchanged and hashlib.sha256(raw).hexdigest() != config.hashes.get(file):
            continue
        text = read_text(file, raw)[0] if raw else None
        located = read_tree(text)[0] if text else None
        if located is not None:
            yield located


def _files(config: Config) -> Iterator[Path]:
    yield from config.files[:1]  # the gateway's own
    sections = (config.providers, config.embedders, *(getattr(config, group) for group in PLAIN))
    for declared in (declared for section in sections for declared in section.values()):
        if declared.mark:
            yield declared.mark.file
    for tenant in config.tenants.values():
        yield tenant.mark.file
        for route in tenant.routes:
            yield from (origin.mark.file for origin in route.origins.values() if origin.mark)


def _spot(mark: Mark) -> Spot:
    return Spot(mark.file, mark.line, mark.column)


def _at(tree: Any, where: Where) -> Any:
    for step in where:
        tree = tree[step]
    return tree
