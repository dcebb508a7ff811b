"""Several workers under one parent, which passes on that all of them are to leave as soon as it is told itself.

The supervisor it extends looks at its signals twice a second; workers that were told that late would be ready for as
long. Starting workers, and replacing those that died, is all its own.
"""

import os
import signal
from contextlib import suppress
from pathlib import Path
from socket import socket
from types import FrameType

from uvicorn import Config
from uvicorn.supervisors.multiprocess import Multiprocess


class Workers(Multiprocess):
    """`stopping` is the file that tells workers that no other will take what they leave."""

    def __init__(self, config: Config, sockets: list[socket], stopping: Path) -> None:
        super().__init__(config, sockets)
        self._stopping = stopping
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._asked)

    def _asked(self, number: int, _frame: FrameType | None) -> None:
        self._stopping.touch()
        for each in self.processes:
            if each.pid is not None:
                with suppress(ProcessLookupError):  # it has ended by itself
                    os.kill(each.pid, number)
        self.signal_queue.append(number)
