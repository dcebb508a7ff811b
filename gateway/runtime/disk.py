"""The files as they are now: read until two readings agree, so that one which is half written is waited for.

Reads in a thread, one reading at a time. A file system that hangs keeps that one thread and nobody else.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import Final

from gateway.config.compiled import Compiled
from gateway.runtime.failures import about
from gateway.runtime.judging import Refused
from gateway.runtime.reports import Stage

SETTLE_SECONDS: Final = 0.05
READINGS: Final = 40
READ_SECONDS: Final = 30.0

Compile = Callable[[Compiled | None], Compiled]

_log = logging.getLogger("gateway.reload")


class Disk:
    """`compile_` reads everything, given what it said the time before. `last` is the last reading that was settled."""

    def __init__(self, compile_: Compile) -> None:
        self._compile = compile_
        self._reading: asyncio.Task[Compiled] | None = None
        self.last: Compiled | None = None

    async def settled(self, served: str) -> Compiled:
        """A reading that a second one agrees with, or that is what is `served` already. Refused where none is to be
        had.
        """
        read = await self._read(self.last)
        for _ in range(READINGS):
            if read.digest == served:
                break
            await asyncio.sleep(SETTLE_SECONDS)
            again = await self._read(read)
            if again.digest == read.digest:
                break
            read = again
        else:
            raise Refused(Stage.READ, "the files keep changing while they are read")
        self.last = read
        return read

    async def _read(self, before: Compiled | None) -> Compiled:
        if self._reading is not None:
            await self._wait(self._reading)  # one that nobody waited for any longer: what it read is old by now
        self._reading = asyncio.create_task(asyncio.to_thread(self._compile, before), name="read")
        reading = self._reading
        await self._wait(reading)
        try:
            return reading.result()
        except Exception as error:  # noqa: BLE001 - a bug of ours is no reason to stop serving
            _log.error("the files could not be read", extra=about(error))
            raise Refused(Stage.READ, f"unexpected failure: {type(error).__name__}, see the log") from None

    async def _wait(self, reading: asyncio.Task[Compiled]) -> None:
        done, _ = await asyncio.wait([reading], timeout=READ_SECONDS)
        if not done:
            raise Refused(Stage.READ, f"the files were not read within {READ_SECONDS:g} seconds")
        self._reading = None
