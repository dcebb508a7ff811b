"""Text files that a model keeps for itself, each a memory: what Claude's memory tool asks for, in the words it expects.

A file is one memory of the client's user, found by the path in its metadata. Folders are there while something is in
them. What a route does with memories it does with these: they can be searched, expire and are erased with the user.
Knows neither Anthropic's package nor any framework.
"""

import posixpath
from collections.abc import Mapping
from typing import Any, Final, cast

import msgspec

from gateway.client import AsyncGateway, replies
from gateway.client.errors import Conflict, GatewayError
from gateway.client.frameworks.files.commands import Command, Create, Delete, Insert, Rename, StrReplace, View
from gateway.client.frameworks.files.showing import PATH, content_of, listed, numbered, text_of

__all__ = ["Files", "Refused"]

ROOT: Final = "/memories"
_RULED_OUT: Final = ("SKIP", "QUARANTINE")  # by a hook of the route
_NO_PATH: Final = "The path {} does not exist. Please provide a valid path."


class Refused(Exception):
    """What the model is told instead of a result."""


class Files:
    """What a model sends goes to `run`, which raises nothing but Refused."""

    def __init__(self, gateway: AsyncGateway) -> None:
        """With the user in it: `gateway.user("ann")`."""
        self._memories = gateway.memories

    async def run(self, command: Mapping[str, Any]) -> str:
        try:
            asked: Command = msgspec.convert(
                {key: value for key, value in command.items() if value is not None}, cast("Any", Command)
            )
        except msgspec.ValidationError as error:
            raise Refused(f"The memory does not understand this command: {error}") from None
        try:
            return await self._run(asked)
        except GatewayError as error:
            raise Refused(f"The memory does not take or give this now: {error.detail}") from error

    async def _run(self, asked: Command) -> str:
        match asked:
            case View(path, view_range):
                return await self._view(path, view_range)
            case Create(path, text):
                return await self._create(path, text)
            case StrReplace(path, old, new):
                return await self._str_replace(path, old, new)
            case Insert(path, line, text):
                return await self._insert(path, line, text)
            case Delete(path):
                return await self._delete(path)
            case Rename(old, new):
                return await self._rename(old, new)

    async def _view(self, path: str, view_range: tuple[int, int] | None) -> str:
        """A file with numbered lines, or what is in a folder, two levels deep."""
        place = _place(path)
        below = await self._below(place)
        file = next((each for each in below if each.metadata[PATH] == place), None)
        if file is None:
            if not below and place != ROOT:
                raise Refused(_NO_PATH.format(path))
            return listed(path, place, below)
        lines = text_of(file).split("\n")
        first, last = view_range or (1, -1)
        first = max(1, first)
        shown = lines[first - 1 :] if last == -1 else lines[first - 1 : last]
        return f"Here's the content of {path} with line numbers:\n{numbered(shown, first)}"

    async def _create(self, path: str, file_text: str) -> str:
        """Of two that create a file at the same time both may succeed; the older one is the file then."""
        place = _place(path)
        if place == ROOT or await self._below(place):
            raise Refused(f"File {path} already exists")
        await self._check_folders(place)
        kept = await self._memories.add(content_of(file_text), metadata={PATH: place})
        if kept.event in _RULED_OUT:
            raise Refused(f"File {path} was not accepted")
        return f"File created successfully at: {path}"

    async def _str_replace(self, path: str, old_str: str, new_str: str) -> str:
        file = await self._there(path)
        text = text_of(file)
        at = text.find(old_str) if old_str else -1
        if at < 0:
            raise Refused(f"No replacement was performed, old_str `{old_str}` did not appear verbatim in {path}.")
        if text.count(old_str) > 1:
            places = [place for place in range(len(text)) if text.startswith(old_str, place)]
            lines = ", ".join(str(text.count("\n", 0, place) + 1) for place in places)
            raise Refused(
                f"No replacement was performed. Multiple occurrences of old_str `{old_str}` in lines: {lines}. "
                "Please ensure it is unique"
            )
        new = text.replace(old_str, new_str)
        await self._change(file, path, content=content_of(new))
        line = text.count("\n", 0, at)
        first = max(0, line - 2)
        told = "The memory file has been edited. Here is the snippet showing the change (with line numbers):"
        return f"{told}\n{numbered(new.split(chr(10))[first : line + 3], first + 1)}"

    async def _insert(self, path: str, insert_line: int, insert_text: str) -> str:
        """After so many lines; 0 is the beginning."""
        file = await self._there(path)
        lines = text_of(file).removesuffix("\n").split("\n") if text_of(file) else []
        if not 0 <= insert_line <= len(lines):
            raise Refused(
                f"Invalid `insert_line` parameter: {insert_line}. It should be within the range [0, {len(lines)}]."
            )
        lines.insert(insert_line, insert_text.rstrip("\n"))
        new = "\n".join(lines)
        await self._change(file, path, content=content_of(new if new.endswith("\n") else f"{new}\n"))
        return f"The file {path} has been edited."

    async def _delete(self, path: str) -> str:
        """A folder with all that is in it."""
        place = _place(path)
        if place == ROOT:
            raise Refused(f"Cannot delete the {ROOT} directory itself")
        every = await self._every(place)
        if not every:
            raise Refused(f"The path {path} does not exist")
        for each in every:
            await self._memories.delete(each.id)
        return f"Successfully deleted {path}"

    async def _rename(self, old_path: str, new_path: str) -> str:
        """A folder file by file."""
        old, new = _place(old_path), _place(new_path)
        if old == ROOT:
            raise Refused(f"Cannot rename the {ROOT} directory itself")
        if new == ROOT or await self._below(new):
            raise Refused(f"The destination {new_path} already exists")
        every = await self._every(old)
        if not every:
            raise Refused(f"The path {old_path} does not exist")
        if new.startswith(f"{old}/"):
            raise Refused(f"{new_path} is within {old_path}")
        await self._check_folders(new)
        for each in every:
            await self._change(each, old_path, metadata={PATH: new + each.metadata[PATH][len(old) :]})
        return f"Successfully renamed {old_path} to {new_path}"

    async def _change(self, file: replies.Memory, path: str, **what: Any) -> None:
        try:
            kept = await self._memories.update(file.id, version=file.version, **what)
        except Conflict:
            raise Refused(f"{path} was changed by somebody else meanwhile: view it again") from None
        if kept.event in _RULED_OUT:
            raise Refused(f"The change of {path} was not accepted")

    async def _there(self, path: str) -> replies.Memory:
        place = _place(path)
        below = await self._below(place)
        if place != ROOT and not below:
            raise Refused(_NO_PATH.format(path))
        if not below or below[0].metadata[PATH] != place:
            raise Refused(f"The path {path} is not a file.")
        return below[0]

    async def _check_folders(self, place: str) -> None:
        """Nothing is put below a file."""
        parts = place.split("/")
        above = ["/".join(parts[:depth]) for depth in range(3, len(parts))]
        found = await self._memories.list(filters={PATH: {"in": above}}, limit=1) if above else None
        if found and found.memories:
            raise Refused(f"The path {found.memories[0].metadata[PATH]} is not a folder")

    async def _below(self, place: str) -> list[replies.Memory]:
        """The file at this place, or all below it, in the order of their paths; each path once."""
        found: dict[str, replies.Memory] = {}
        for each in await self._every(place):
            found.setdefault(each.metadata[PATH], each)
        return [found[path] for path in sorted(found, key=lambda path: path.split("/"))]

    async def _every(self, place: str) -> list[replies.Memory]:
        """The same, oldest first, with what was made at the same time under one path."""
        within = {"gte": f"{place}/", "lt": f"{place}0"}  # "0" comes right after "/"
        found: list[replies.Memory] = []
        cursor = None
        while True:
            page = await self._memories.list(
                filters={"OR": [{PATH: place}, {PATH: within}]}, order="oldest", cursor=cursor
            )
            found += page.memories
            cursor = page.cursor
            if cursor is None:
                return found


def _place(path: str) -> str:
    """The one way to write it."""
    if path != ROOT and not path.startswith(f"{ROOT}/"):
        raise Refused(f"Path must start with {ROOT}, got: {path}")
    place = posixpath.normpath(path)
    if place != ROOT and not place.startswith(f"{ROOT}/"):
        raise Refused(f"Path {path} would escape {ROOT} directory")
    return place
