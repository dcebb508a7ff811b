"""The worker of the conformance suite, over a folder that writes documents in place: what the rename is there to prevent."""

import asyncio
import os
import sys
from pathlib import Path

import msgspec

from gateway.providers.folder import files
from gateway.testing.worker import Job, work


def write_in_place(file: Path, content: bytes) -> None:
    """Into the document itself, half of it first."""
    place = file.parents[2] / "records" / file.parent.name / f"{file.name}.json"
    place.parent.mkdir(parents=True, exist_ok=True)
    with place.open("wb", buffering=0) as opened:
        opened.write(content[: len(content) // 2])
        os.fsync(opened.fileno())
        opened.write(content[len(content) // 2 :])
    file.write_bytes(content)


if __name__ == "__main__":
    files.write = write_in_place
    asyncio.run(work(msgspec.json.decode(sys.argv[1], type=Job)))
