"""The workers of one gateway, told of each other: what each of them serves, and a call to reload that all of them hear.

Through files in a folder they share. Each worker reads the configuration itself; what passes here is only who has got
how far, so that "reloaded" can mean all of them.
"""

import asyncio
import logging
import os
import uuid
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

import msgspec

from gateway.runtime.chaos import Ordeal
from gateway.runtime.judging import Asked
from gateway.runtime.reports import Outcome

LOOK_SECONDS: Final = 0.2
FRESH_SECONDS: Final = 60.0  # how long somebody who calls waits for answers
_SUFFIX: Final = ".worker"
_CALL: Final = "reload.call"

_log = logging.getLogger("gateway.crew")


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """What one worker asks of all: the attempt itself, made by each of them."""

    id: str
    at: float  # seconds since 1970
    asked: Asked = Asked()
    ordeal: Ordeal | None = None
    rollback: str = ""  # the digest to go back to: generations are each worker's own count


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """How far one worker is. `call` is the last one that it has answered, and `outcome` the answer.

    `ok`: its last change was applied. `disk_valid`: it would serve the files as they are now after a restart.
    """

    pid: int
    generation: int
    digest: str
    call: str = ""
    outcome: Outcome | None = None
    faults: dict[str, float] = {}  # on purpose, before these providers, for so many seconds more
    ok: bool = True
    disk_valid: bool = True


class Crew:
    """`folder` is None for a worker that is alone."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._name = f"{uuid.uuid4().hex}{_SUFFIX}"
        self._heard = ""

    def stand(self, standing: Standing) -> None:
        if self._folder is None:
            return
        try:
            _write(self._folder / self._name, msgspec.json.encode(standing))
        except OSError:
            _log.exception("the other workers cannot be told how this one stands")

    def leave(self) -> None:
        if self._folder is not None:
            (self._folder / self._name).unlink(missing_ok=True)

    def others(self) -> list[Standing]:
        """The other workers that are alive."""
        if self._folder is None:
            return []
        found: list[Standing] = []
        for file in sorted(self._folder.glob(f"*{_SUFFIX}")):
            if file.name == self._name:
                continue
            standing = _standing(file)
            if standing is not None and _alive(standing.pid):
                found.append(standing)
        return found

    def call(self, call: Call) -> None:
        """Ask the others. The caller has made, or makes, the attempt itself."""
        self._heard = call.id
        if self._folder is not None:
            _write(self._folder / _CALL, msgspec.json.encode(call))

    async def listen(self, answer: Callable[[Call], Awaitable[object]], since: float) -> None:
        """Answers every call of the others, until it is cancelled; none that was made before `since`."""
        while self._folder is not None:
            await asyncio.sleep(LOOK_SECONDS)
            call = self._last_call(self._folder)
            if call is None or call.id == self._heard or call.at < since:
                continue
            self._heard = call.id
            try:
                await answer(call)
            except Exception:  # noqa: BLE001 - one call that fails must not be the last that is heard
                _log.exception("a call of another worker could not be answered")

    async def answers(self, call: Call, seconds: float) -> list[Standing]:
        """How the others stand once each has answered, or when the time is over."""
        until = asyncio.get_running_loop().time() + seconds
        while True:
            others = self.others()
            if all(each.call == call.id for each in others) or asyncio.get_running_loop().time() > until:
                return others
            await asyncio.sleep(LOOK_SECONDS / 4)

    def _last_call(self, folder: Path) -> Call | None:
        try:
            return msgspec.json.decode((folder / _CALL).read_bytes(), type=Call)
        except (OSError, msgspec.DecodeError):
            return None  # nobody has called yet


def _standing(file: Path) -> Standing | None:
    try:
        return msgspec.json.decode(file.read_bytes(), type=Standing)
    except (OSError, msgspec.DecodeError):
        return None  # gone between the listing and the reading


def _write(file: Path, content: bytes) -> None:
    passing = file.with_name(f"{file.name}.{uuid.uuid4().hex}.new")
    passing.write_bytes(content)
    passing.replace(file)


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
