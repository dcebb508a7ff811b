"""A line to a server that can be spoilt: silent, slow, cut in mid-reply, speaking nonsense, or refused."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Final, Literal

Sickness = Literal["well", "black hole", "trickle", "reset", "nonsense", "refused"]

SICKNESSES: Final[tuple[Sickness, ...]] = ("black hole", "trickle", "reset", "nonsense", "refused")
_NONSENSE: Final = b"HTTP/1.1 400 Bad Request\r\nServer: another\r\n\r\n\x00\xff\xfe"


class Proxy:
    """Carries bytes both ways between `port` and the server's. What is spoilt is spoilt for connections that are open
    already, too. `accepted` counts connections, `asked` the requests that came through as pieces of bytes."""

    def __init__(self, target: int) -> None:
        self.port = 0
        self.accepted = 0
        self.asked = 0
        self._target = target
        self._sickness: Sickness = "well"
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
        for task in list(self._open):
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)

    async def become(self, sickness: Sickness) -> None:
        """From now on; `refused` ends what is open, and nobody listens."""
        self._sickness = sickness
        if sickness == "refused":
            await self.stop()
        elif self._server is None:
            await self.start()

    def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.accepted += 1
        task = asyncio.create_task(self._serve(reader, writer))
        self._open.add(task)
        task.add_done_callback(self._open.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        back: asyncio.StreamWriter | None = None
        try:
            answers, back = await asyncio.open_connection("127.0.0.1", self._target)
            async with asyncio.TaskGroup() as both:
                both.create_task(self._ask(reader, back))
                both.create_task(self._answer(answers, writer))
        except* (OSError, EOFError):
            pass  # one end has gone, and so does the other
        finally:
            for each in (writer, back):
                if each is not None:
                    each.transport.abort()

    async def _ask(self, reader: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
        while data := await reader.read(65_536):
            self.asked += 1
            back.write(data)
            await back.drain()
        raise EOFError

    async def _answer(self, answers: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await answers.read(65_536):
            match self._sickness:
                case "black hole":
                    continue
                case "trickle":
                    for byte in data:
                        writer.write(bytes([byte]))
                        await asyncio.sleep(0.5)
                case "reset":
                    writer.write(data[: max(1, len(data) // 2)])
                    await asyncio.sleep(0)
                    raise EOFError
                case "nonsense":
                    writer.write(_NONSENSE)
                case _:
                    writer.write(data)
            with contextlib.suppress(ConnectionError):
                await writer.drain()
        raise EOFError


@asynccontextmanager
async def proxied(target: int) -> AsyncGenerator[Proxy]:
    proxy = Proxy(target)
    await proxy.start()
    try:
        yield proxy
    finally:
        await proxy.stop()
