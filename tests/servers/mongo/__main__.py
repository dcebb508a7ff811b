"""The stand-in as a process: `python -m tests.servers.mongo FOLDER PORT [SECONDS between removals of what expired]`."""

import asyncio
import sys
from pathlib import Path

from .serving import Server

if __name__ == "__main__":
    asyncio.run(Server(Path(sys.argv[1])).run(int(sys.argv[2]), float((*sys.argv, "60")[3])))
