"""Folders and files that providers keep records in: there or can be made, may be written, and have room."""

from collections.abc import Iterator
from typing import Final

from gateway.config.compiled import Config
from gateway.runtime.place.facts import Place, Said, kept_files, problem, standing

ROOM: Final = 100 << 20


def files(config: Config, place: Place) -> Iterator[Said]:
    for declared, path in kept_files(config):
        about, there = f"provider {declared.key}", standing(path)
        if path.is_dir():
            yield problem(about, f"{path} is a folder", "name a file in it")
            continue
        if there != path and not there.is_dir():
            yield problem(about, f"{there} is no folder, so {path} cannot be made", "name another path")
            continue
        folder = there if there.is_dir() else there.parent
        if not place.may_write(folder):
            hint = "give this user the folder: a database writes files beside its own"
            yield problem(about, f"the folder {folder} is not writable", hint)
        elif path.exists() and not place.may_write(path):
            yield problem(about, f"{path} is not writable", "give this user the file")
        try:
            free = place.free_bytes(folder)
        except OSError as error:
            yield problem(about, f"{folder} does not answer: {error.strerror}", "check the disk")
            continue
        if free < ROOM:
            yield problem(about, f"{folder} has {free >> 20} MiB left", "make room: a full disk refuses every write")
