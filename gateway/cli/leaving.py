"""How a worker leaves when it is asked to stop: first it says so and serves on, then nobody new is let in, then it ends.

The server that runs the application closes connections and waits for requests; this is what comes before. Between the
last connection it takes and the end of the listening there is no moment in which one could be lost, where the system
allows that.
"""

import asyncio
import ctypes
import logging
import os
import signal
import socket
import struct
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any, Final, cast

if TYPE_CHECKING:
    import uvicorn

STOPPING: Final = "stopping"  # the file that says that all workers leave, and not this one alone
_LINGER: Final = 0.15  # seconds in which those who were let in last say what they want
_ATTACH_FILTER: Final = 26  # SO_ATTACH_FILTER of Linux, which Python does not name
_NOTHING: Final = struct.pack("HBBI", 0x06, 0, 0, 0)  # a filter of one instruction: of no packet anything is kept

_log = logging.getLogger("gateway.serve")


class Leaving:
    """`told` is called at once; `alone` is whether nobody else listens on the same socket."""

    def __init__(self, told: Callable[[], None], folder: Path, lame_duck: float, *, alone: bool) -> None:
        self._told = told
        self._whole = folder / STOPPING
        self._lame_duck = lame_duck
        self._alone = alone
        self._task: asyncio.Task[None] | None = None

    def attend(self) -> None:
        """From here on SIGTERM makes this worker leave; SIGINT makes it stop listening without waiting first.

        To be called once the server has set its own handlers, which end what this has begun.
        """
        loop = asyncio.get_running_loop()
        for number, seconds in ((signal.SIGTERM, self._lame_duck), (signal.SIGINT, 0.0)):
            end = signal.getsignal(number)
            if callable(end):
                signal.signal(number, _asked(loop, self._begin, seconds, end))

    def _begin(self, seconds: float, end: Callable[[], object], server: "uvicorn.Server | None") -> None:
        if self._task is not None:
            if seconds:
                return  # told twice, as workers are by their parent and by those who tell the whole group
            self._task.cancel()
        self._told()
        _log.info("leaving", extra={"lame_duck": seconds})
        self._task = asyncio.get_running_loop().create_task(self._leave(seconds, end, server), name="leave")

    async def _leave(self, seconds: float, end: Callable[[], object], server: "uvicorn.Server | None") -> None:
        await asyncio.sleep(seconds)
        if server is not None and (self._alone or self._whole.exists()):
            for listening in server.servers:
                for each in listening.sockets:
                    shut(each.fileno())
        await asyncio.sleep(_LINGER)
        end()


def _asked(
    loop: asyncio.AbstractEventLoop,
    begin: Callable[[float, Callable[[], object], "uvicorn.Server | None"], None],
    seconds: float,
    end: Callable[[int, FrameType | None], Any],
) -> Callable[[int, FrameType | None], None]:
    server = cast("uvicorn.Server | None", getattr(end, "__self__", None))

    def asked(number: int, frame: FrameType | None) -> None:
        loop.call_soon_threadsafe(begin, seconds, lambda: end(number, frame), server)

    return asked


def shut(listener: int) -> None:
    """Nobody who asks to connect from now on is heard; whoever asks again finds nobody listening.

    To close the socket instead would cut off those who are connected and not yet accepted.
    """
    if not sys.platform.startswith("linux"):
        return
    code = ctypes.create_string_buffer(_NOTHING, len(_NOTHING))
    with suppress(OSError), socket.socket(fileno=os.dup(listener)) as same:  # a system that has no filters: none is set
        same.setsockopt(socket.SOL_SOCKET, _ATTACH_FILTER, struct.pack("HP", 1, ctypes.addressof(code)))
