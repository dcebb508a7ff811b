"""The key sets in use: each read by one, however many issuers and generations of the configuration share it.

The only part of this floor that touches a network or a disk. Answers are bounded, redirects are not followed.
"""

import asyncio
import importlib
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, Final

from gateway.auth.keyset import KeySet, Source

MOST_BYTES: Final = 512 * 1024
_SECONDS: Final = 5.0


class KeySets:
    def __init__(self) -> None:
        self._open: dict[Source, tuple[KeySet, list[object]]] = {}

    async def acquire(self, source: Source, stack: AsyncExitStack) -> KeySet:
        """Given back when the stack closes; whoever is last ends it."""
        holder = object()
        if source in self._open:
            known, holders = self._open[source]
            holders.append(holder)
            stack.push_async_callback(self._release, source, holder)
            return known
        made = KeySet(source, _loader(source))
        self._open[source] = (made, [holder])
        stack.push_async_callback(self._release, source, holder)
        # Both are large, and everybody else would wait while they load.
        await asyncio.to_thread(importlib.import_module, "jwt")
        await made.start()
        return made

    async def _release(self, source: Source, holder: object) -> None:
        known, holders = self._open[source]
        holders.remove(holder)
        if not holders:
            del self._open[source]
            await known.stop()


def _loader(source: Source) -> Callable[[], Any]:
    if not source.remote:
        return lambda: asyncio.to_thread(_from_file, Path(source.place))
    return lambda: _from_url(source.place)


def _from_file(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return _bounded(file.read(MOST_BYTES + 1))
    except OSError as error:
        raise OSError(error.strerror or type(error).__name__) from None  # without the path


async def _from_url(url: str) -> bytes:
    httpx = await asyncio.to_thread(importlib.import_module, "httpx")
    client = await asyncio.to_thread(lambda: httpx.AsyncClient(timeout=_SECONDS, follow_redirects=False))
    try:
        async with asyncio.timeout(_SECONDS), client, client.stream("GET", url) as reply:
            if reply.status_code != 200:
                raise OSError(f"it answers {reply.status_code}")
            raw = b""
            async for chunk in reply.aiter_bytes():
                raw = _bounded(raw + chunk)
            return raw
    except TimeoutError:
        raise OSError("no answer in time") from None
    except httpx.HTTPError as error:
        raise OSError(type(error).__name__) from None


def _bounded(raw: bytes) -> bytes:
    if len(raw) > MOST_BYTES:
        raise ValueError(f"has more than {MOST_BYTES} bytes")
    return raw
