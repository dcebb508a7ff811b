"""Things that only one provider may hold: a database file, an embedded index."""

import os
from collections.abc import Iterator
from pathlib import Path

from gateway.config.codes import found
from gateway.config.crowd import Crowd, Resource
from gateway.config.diagnostics import Diagnostic, Related


def resources(crowd: Crowd) -> Iterator[Diagnostic]:
    holders: dict[str, Resource] = {}
    folders: dict[Path, Path] = {}
    for stake in sorted(crowd.stakes, key=lambda each: each.owner):
        for resource in sorted(stake.resources, key=lambda each: each.mark):
            first = holders.setdefault(_absolute(resource.name, crowd.home, folders), resource)
            if first.mark == resource.mark:
                continue
            what = f"providers {first.provider!r} and {resource.provider!r} both need {resource.name} for themselves"
            hint = "name something else in one of them, or use one provider for both"
            yield found("MG0408", resource.mark, what, hint, related=(Related(first.mark, "the other provider"),))


def _absolute(resource: str, home: Path, folders: dict[Path, Path]) -> str:
    """Two ways to write one path are one resource. Folders, which many share, are looked up once."""
    kind, _, name = resource.partition(":")
    if kind != "file":
        return resource
    path = home / name
    if path.name in ("", "..") or os.path.islink(path):  # noqa: PTH114 -- half the time, and there may be many thousands
        return f"file:{path.resolve()}"
    folder = folders.get(path.parent)
    if folder is None:
        folder = folders[path.parent] = path.parent.resolve()
    return f"file:{folder / path.name}"
