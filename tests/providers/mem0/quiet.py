"""A process that uses mem0 and tells, as JSON, which addresses it wanted to reach and what it logged.

Run as `python -m tests.providers.mem0.quiet WAY URL KEY HOME`: `inside`, `hosted`, or `careless`, which imports mem0 as
anyone would before the provider is opened.
"""

import asyncio
import importlib
import json
import logging
import os
import socket
import sys
from pathlib import Path
from typing import Any

WANTED: list[str] = []
_connect, _look_up = socket.socket.connect, socket.getaddrinfo


def connect(self: socket.socket, address: Any) -> None:
    if self.family in (socket.AF_INET, socket.AF_INET6) and not str(address[0]).startswith(("127.", "::1")):
        WANTED.append(str(address[0]))
        raise OSError("blocked")
    _connect(self, address)


def look_up(host: Any, *given: Any, **named: Any) -> Any:
    name = host.decode() if isinstance(host, bytes) else host
    if name not in ("localhost", "127.0.0.1", None):
        WANTED.append(str(name))
        raise socket.gaierror("blocked")
    return _look_up(host, *given, **named)


async def use(way: str, url: str, key: str, home: Path) -> str:
    from gateway.domain.errors import GatewayError
    from gateway.domain.scope import Reach
    from gateway.testing.making import MEMORIES, Maker, Time
    from tests.servers.openai import mem0_block

    from .opening import opening, options

    clock = Time()
    make = Maker(clock, "quiet")
    given = options(api_key=key, host=url) if way == "hosted" else options(config=mem0_block(url, str(home / "q"), "c"))
    try:
        async with opening(given, home, clock) as mem0:
            record = make.record("a confidential text about tea", role="user")
            await mem0.put([record, make.record("another")])
            await mem0.put([make.record("changed", id=record.id, version=2)])
            assert await mem0.relevant(Reach.only(record.scope), "what changed", MEMORIES, 5)
            assert await mem0.relevant(Reach.only(record.scope), "and again", MEMORIES, 5)
            assert await mem0.delete(Reach.only(record.scope), [record.id]) == 1
            return ""
    except GatewayError as error:
        return error.detail


def main() -> None:
    socket.socket.connect, socket.getaddrinfo = connect, look_up  # type: ignore[method-assign]
    lines: list[str] = []

    class Lines(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(f"{record.name}: {record.getMessage()}")

    logging.getLogger().addHandler(Lines())
    logging.getLogger().setLevel(logging.INFO)
    way, url, key, home = sys.argv[1:]
    if way == "careless":
        importlib.import_module("mem0")
    error = asyncio.run(use(way, url, key, Path(home)))
    told = {"wanted": WANTED, "lines": lines, "error": error, "folder": os.environ.get("MEM0_DIR", "")}
    sys.stdout.write(json.dumps(told))


if __name__ == "__main__":
    main()
