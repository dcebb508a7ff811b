"""A wire that can be cut: what connects to it reaches the server behind, until it is cut, and again once it is mended."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from urllib.parse import urlsplit


class Wire:
    def __init__(self, host: str, port: int) -> None:
        self._behind = (host, port)
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()
        self.port = 0
        self.deaf = False  # what is sent arrives, what is answered does not

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def mend(self) -> None:
        self._server = await asyncio.start_server(self._pass, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def cut(self) -> None:
        """In the middle of whatever is under way."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for writer in list(self._open):
            writer.transport.abort()
        await asyncio.sleep(0)

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        try:
            there, back = await asyncio.open_connection(*self._behind)
        except OSError:
            writer.close()
            return
        self._open.add(back)
        await asyncio.gather(self._copy(reader, back, answers=False), self._copy(there, writer, answers=True))
        self._open -= {writer, back}

    async def _copy(self, source: asyncio.StreamReader, into: asyncio.StreamWriter, *, answers: bool) -> None:
        with suppress(OSError):
            while some := await source.read(65_536):
                if answers and self.deaf:
                    break
                into.write(some)
                await into.drain()
        into.close()


@asynccontextmanager
async def wire(url: str) -> AsyncGenerator[Wire]:
    at = urlsplit(url)
    made = Wire(at.hostname or "127.0.0.1", at.port or 80)
    await made.mend()
    try:
        yield made
    finally:
        await made.cut()
