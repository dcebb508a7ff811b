"""Notices that files may have changed. Never decides whether they have: that is told by their contents.

Folders are watched, not files: an editor that renames, a ConfigMap that swaps a link and a worktree that moves all
replace the file and leave the folder. Every while the contents are compared anyway, for whatever brings no events.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from typing import Final

from watchfiles import Change, awatch  # pyright: ignore[reportUnknownVariableType]  # its anyio is optional

from gateway.config.model import Reload

CHECK_SECONDS: Final = 1.0  # how soon a changed set of folders is noticed
_SUFFIXES: Final = (".yaml", ".yml")

_log = logging.getLogger("gateway.watch")


class Watcher:
    """Calls `noticed` with a word for the cause, one call at a time, until it is cancelled. Outlives every failure."""

    def __init__(
        self,
        files: Callable[[], tuple[Path, ...]],
        settings: Callable[[], Reload],
        noticed: Callable[[str], Awaitable[object]],
    ) -> None:
        self._files = files
        self._settings = settings
        self._noticed = noticed

    async def run(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._poll(), name="poll")
            tasks.create_task(self._follow(), name="follow")

    async def _poll(self) -> None:
        while True:
            await asyncio.sleep(self._settings().poll.seconds)
            await self._notice("poll")

    async def _follow(self) -> None:
        while True:
            files = self._files()
            folders = folders_of(files)
            if not self._settings().watch or not folders:
                await asyncio.sleep(CHECK_SECONDS)
                continue
            try:
                await self._until_others(files, folders)
            except (OSError, RuntimeError) as error:
                _log.warning(
                    "folders cannot be watched, their contents are compared instead", extra={"why": str(error)}
                )
                await asyncio.sleep(self._settings().poll.seconds)

    async def _until_others(self, files: tuple[Path, ...], folders: frozenset[Path]) -> None:
        """Follows these folders until others are to be followed."""
        stop = asyncio.Event()
        guard = asyncio.create_task(self._guard(files, folders, stop), name="guard")
        quiet = max(1, int(self._settings().debounce.seconds * 1000))
        try:
            async for _ in awatch(
                *folders, watch_filter=_concerns, debounce=quiet * 10, step=quiet, stop_event=stop, recursive=False
            ):
                await self._notice("watch")
        finally:
            guard.cancel()

    async def _guard(self, files: tuple[Path, ...], folders: frozenset[Path], stop: asyncio.Event) -> None:
        while self._settings().watch:
            await asyncio.sleep(CHECK_SECONDS)
            now = self._files()
            if now is not files and folders_of(now) != folders:
                break
            files = now
        stop.set()

    async def _notice(self, cause: str) -> None:
        try:
            await self._noticed(cause)
        except Exception:  # noqa: BLE001 - a failed attempt must not be the last one
            _log.exception("an attempt to reload failed unexpectedly")


def folders_of(files: Iterable[Path]) -> frozenset[Path]:
    """Where the files are, both as they are named and as their links resolve."""
    folders: set[Path] = set()
    for file in files:
        for folder in (file.parent, file.resolve().parent):
            # The folder of a link that a mount swaps is one above the one that the link leads into.
            folders.update(
                each for each in (folder, folder.parent if folder != file.parent else folder) if each.is_dir()
            )
    return frozenset(folders)


def _concerns(_change: Change, path: str) -> bool:
    """Configuration files, and what has no suffix: links and folders. Not a database that lies beside them."""
    name = Path(path).name
    return name.endswith(_SUFFIXES) or "." not in name.lstrip(".")
