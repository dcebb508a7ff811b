"""Runs it: PORT FOLDER DELAY KEY. The delay is what taking in or removing takes, in seconds."""

import sys
from pathlib import Path

import uvicorn

from tests.servers.zep.app import App
from tests.servers.zep.state import State


def main(port: str, folder: str, delay: str, key: str) -> None:
    app = App(State(Path(folder) / "journal.jsonl", float(delay)), key)
    uvicorn.run(app, host="127.0.0.1", port=int(port), log_level="error", access_log=False, lifespan="off")


if __name__ == "__main__":
    main(*sys.argv[1:])
