"""The process: `python -m tests.servers.qdrant PORT FOLDER`."""

import sys
from pathlib import Path

import uvicorn

from .app import App

if __name__ == "__main__":
    uvicorn.run(
        App(Path(sys.argv[2])),
        host="127.0.0.1",
        port=int(sys.argv[1]),
        log_level="error",
        access_log=False,
        timeout_keep_alive=300,
        timeout_graceful_shutdown=1,
    )
