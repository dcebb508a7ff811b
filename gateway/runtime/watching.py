"""Notices that files may have changed. Never decides whether they have: that is told by their contents.

Folders are watched, not files: an editor that renames, a ConfigMap that swaps a link and a worktree that moves all
replace the file and leave the folder. Every while the contents are compared anyway, for whatever brings no events.
"""

import asyncio
import logging
import os
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from typing import Final, NamedTuple

from watchfiles import Change, awatch  # pyright: ignore[reportUnknownVariableType]  # its anyio is optional

from gateway.config.model import Reload
from gateway.domain.units import Duration

CHECK_SECONDS: Final = 1.0  # how soon a changed set of folders is noticed
_SUFFIXES: Final = (".yaml", ".yml")

_log = logging.getLogger("gateway.watch")


class Place(NamedTuple):
    """A folder as it is now: another one of the same name is another place."""

    path: str
    device: int
    node: int


class Watcher:
    """Calls `noticed` with a word for the cause, until it is cancelled. Outlives every failure."""

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
        loop = asyncio.get_running_loop()
        while True:
            since = loop.time()
            # In short steps, so that a change of the interval itself does not wait for the old one to pass.
            while (left := since + self._settings().poll.seconds - loop.time()) > 0:  # noqa: ASYNC110 - the clock
                await asyncio.sleep(min(left, CHECK_SECONDS))
            await self._notice("poll")

    async def _follow(self) -> None:
        first = True
        while True:
            files = self._files()
            folders = await asyncio.to_thread(folders_of, files)
            places = await asyncio.to_thread(places_of, folders)
            if not self._settings().watch or not places:
                first = False
                await asyncio.sleep(CHECK_SECONDS)
                continue
            try:
                await self._until_others(files, folders, places, anew=not first)
            except (OSError, RuntimeError) as error:
                _log.warning(
                    "folders cannot be watched, their contents are compared instead", extra={"why": str(error)}
                )
                await asyncio.sleep(self._settings().poll.seconds)
            first = False

    async def _until_others(
        self, files: tuple[Path, ...], folders: frozenset[Path], places: frozenset[Place], *, anew: bool
    ) -> None:
        """Follows these folders until others are to be followed, or otherwise."""
        stop, debounce = asyncio.Event(), self._settings().debounce
        others = self._others(files, folders, places)
        guard = asyncio.create_task(self._guard(others, debounce, stop, anew=anew), name="guard")
        quiet = max(1, int(debounce.seconds * 1000))
        try:
            async for _ in awatch(
                *{place.path for place in places},
                watch_filter=_Concerns(self._files),
                debounce=quiet * 10,
                step=quiet,
                stop_event=stop,
                recursive=False,
            ):
                await self._notice("watch")
        finally:
            guard.cancel()

    async def _guard(
        self, others: Callable[[], Awaitable[bool]], debounce: Duration, stop: asyncio.Event, *, anew: bool
    ) -> None:
        while self._settings().watch and self._settings().debounce == debounce:
            await asyncio.sleep(CHECK_SECONDS)
            if anew:  # what happened before these folders were followed has brought no event
                anew = False
                await self._notice("watch")
            if await others():
                break
        stop.set()

    def _others(
        self, files: tuple[Path, ...], folders: frozenset[Path], places: frozenset[Place]
    ) -> Callable[[], Awaitable[bool]]:
        """Tells whether others are to be followed by now: other folders, or others of the same name."""

        async def others() -> bool:
            nonlocal files
            now = self._files()
            if now is not files:
                files = now
                if await asyncio.to_thread(folders_of, now) != folders:
                    return True
            return await asyncio.to_thread(places_of, folders) != places

        return others

    async def _notice(self, cause: str) -> None:
        try:
            await self._noticed(cause)
        except Exception:  # noqa: BLE001 - a failed attempt must not be the last one
            _log.exception("an attempt to reload failed unexpectedly")


def folders_of(files: Iterable[Path]) -> frozenset[Path]:
    """Where the files are, both as they are named and as their links resolve."""
    folders = {file.parent for file in files}
    for file in files:
        if _is_linked(file):
            # The folder of a link that a mount swaps is one above the one that the link leads into.
            real = Path(os.path.realpath(file)).parent
            folders |= {real, real.parent}
    return frozenset(folders)


def places_of(folders: Iterable[Path]) -> frozenset[Place]:
    """Those of the folders that are there."""
    found: set[Place] = set()
    for folder in folders:
        try:
            about = folder.stat()
        except OSError:
            continue  # gone: whether it comes back is looked at again and again
        found.add(Place(str(folder), about.st_dev, about.st_ino))
    return frozenset(found)


def _is_linked(file: Path) -> bool:
    """Whether the file, or the folder that holds it, is a link."""
    return file.is_symlink() or file.parent.is_symlink()


class _Concerns:
    """Configuration files, and what has no suffix: links and folders. Not a database that lies beside them."""

    def __init__(self, files: Callable[[], tuple[Path, ...]]) -> None:
        self._files = files
        self._known: tuple[Path, ...] = ()
        self._names: frozenset[str] = frozenset()

    def __call__(self, _change: Change, path: str) -> bool:
        name = Path(path).name
        if name.endswith(_SUFFIXES) or "." not in name.lstrip("."):
            return True
        if self._files() is not self._known:
            self._known = self._files()
            self._names = frozenset(file.name for file in self._known)
        return name in self._names
