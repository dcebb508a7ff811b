"""One way to ask Qdrant, for a server and for a folder. Knows no records and no collections.

A server is asked on the event loop. The embedded store blocks and bears one thread at a time, so it has a thread of
its own, in which it is opened, asked and closed. Nothing is ever sent twice.
"""

import asyncio
import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from typing import Any, Protocol, TypeVar

import httpx
from qdrant_client import AsyncQdrantClient, QdrantClient

from gateway.domain.errors import Unavailable
from gateway.providers.qdrant.faults import told

Result = TypeVar("Result")


class Connection(Protocol):
    async def ask(self, verb: str, **given: Any) -> Any:
        """A method of the driver's client, by name. Raises the errors of `faults`."""
        ...


class Served:
    def __init__(self, name: str, client: AsyncQdrantClient, seconds: float, together: int) -> None:
        self._name = name
        self._client = client
        self._seconds = seconds
        self._places = asyncio.Semaphore(together)

    @classmethod
    async def open(
        cls, stack: AsyncExitStack, name: str, url: str, key: str | None, seconds: float, together: int
    ) -> "Served":
        limits = httpx.Limits(max_connections=together, max_keepalive_connections=together, keepalive_expiry=30.0)
        with told(name):
            client = AsyncQdrantClient(
                url=url, api_key=key, timeout=math.ceil(seconds), check_compatibility=False, limits=limits
            )
        stack.push_async_callback(client.close)
        return cls(name, client, seconds, together)

    async def ask(self, verb: str, **given: Any) -> Any:
        with told(self._name):
            # The wait for a place does not count: who asks has a deadline of its own.
            async with self._places, asyncio.timeout(self._seconds):
                return await getattr(self._client, verb)(**given)


class Embedded:
    def __init__(self, name: str, thread: ThreadPoolExecutor, client: QdrantClient) -> None:
        self._name = name
        self._thread = thread
        self._client = client

    @classmethod
    async def open(cls, stack: AsyncExitStack, name: str, home: Path, path: str) -> "Embedded":
        """Unavailable where another process or instance has the folder."""
        thread = ThreadPoolExecutor(1, thread_name_prefix=f"qdrant-{name}")
        stack.push_async_callback(asyncio.to_thread, thread.shutdown)
        try:
            client = await _in(thread, lambda: QdrantClient(path=str((home / Path(path).expanduser()).absolute())))
        except RuntimeError as error:
            raise Unavailable(
                f"{name}: the folder is in use; an embedded Qdrant takes one process", code="qdrant_in_use"
            ) from error
        except OSError as error:
            raise Unavailable(
                f"{name}: the folder cannot be used ({type(error).__name__})", code="qdrant_cannot_open"
            ) from error
        stack.push_async_callback(_in, thread, client.close)
        return cls(name, thread, client)

    async def ask(self, verb: str, **given: Any) -> Any:
        with told(self._name):
            return await _in(self._thread, partial(getattr(self._client, verb), **given))


async def _in(thread: ThreadPoolExecutor, work: Callable[[], Result]) -> Result:
    return await asyncio.get_running_loop().run_in_executor(thread, work)
