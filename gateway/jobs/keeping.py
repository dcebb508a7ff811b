"""Keeps what is owed: all who ask in the same moment, and while a commit is under way, share the next commit.

Each returns when what it owes is durable, or is told that it is not. What is settled is gathered for a moment and then
released together. Knows no tables: it calls blocking functions, in one thread of its own.
"""

import asyncio
import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, Protocol

from gateway.domain.errors import Unavailable
from gateway.domain.outbox import Intent

_MOST: Final = 1_000  # callers of one commit
_GATHER_SECONDS: Final = 0.2

_log = logging.getLogger("gateway.jobs")


class Shelf(Protocol):
    """Where things are kept. Blocks; called from one thread."""

    def keep(self, intents: Sequence[Intent]) -> Sequence[Any]:
        """Durable when it returns: for each, what to release it by."""
        ...

    def release(self, kept: Sequence[Any], again: Sequence[Any]) -> None: ...

    def is_away(self, error: Exception) -> bool:
        """Whether a failure is everybody's, and not that of a single caller."""
        ...


class Keeping:
    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf
        self._waiting: list[tuple[Sequence[Intent], asyncio.Future[None]]] = []
        # By the intents themselves: two that are equal may be settled at different times.
        self._kept: dict[int, tuple[Intent, Any, float]] = {}
        self._settled: tuple[list[Any], list[Any]] = ([], [])
        self._committing: asyncio.Task[None] | None = None
        self._releasing: asyncio.Task[None] | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="outbox")
        self._closed = False
        self.commits = 0

    async def intend(self, intents: Sequence[Intent]) -> None:
        if not intents:
            return
        if self._closed:
            raise _unkept("the gateway is stopping")
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((intents, future))
        if self._committing is None or self._committing.done():
            self._committing = asyncio.create_task(self._commit_all(), name="outbox")
        await future

    def settled(self, intents: Sequence[Intent], *, again: bool = False) -> None:
        known = [found[1] for each in intents if (found := self._kept.pop(id(each), None)) is not None]
        self._settled[again].extend(known)
        if known and not self._closed and (self._releasing is None or self._releasing.done()):
            self._releasing = asyncio.create_task(self._release_soon(), name="release")

    def forget(self, seconds: float) -> None:
        """What was kept so long ago and never settled is delivered without: nobody need remember it."""
        before = asyncio.get_running_loop().time() - seconds
        self._kept = {key: found for key, found in self._kept.items() if found[2] > before}

    async def close(self) -> None:
        """What was asked for before is kept first, and what is settled released."""
        self._closed = True
        if self._committing is not None:
            await self._committing
        if self._releasing is not None:
            self._releasing.cancel()
            await asyncio.gather(self._releasing, return_exceptions=True)
        await self._release()
        await asyncio.to_thread(self._thread.shutdown)

    async def _commit_all(self) -> None:
        while self._waiting:
            some, self._waiting = self._waiting[:_MOST], self._waiting[_MOST:]
            error = await self._commit([intent for intents, _ in some for intent in intents])
            if error is None or self._shelf.is_away(error) or len(some) == 1:
                for _, future in some:
                    _answer(future, error)
                continue
            for intents, future in some:
                _answer(future, await self._commit(intents))

    async def _commit(self, intents: Sequence[Intent]) -> Exception | None:
        self.commits += 1
        loop = asyncio.get_running_loop()
        try:
            kept = await loop.run_in_executor(self._thread, self._shelf.keep, intents)
        except Exception as error:  # noqa: BLE001 - whatever it is, nothing is kept, and the callers are told
            _log.warning("what is owed cannot be kept", extra={"reason": type(error).__name__})
            return error
        now = loop.time()
        self._kept |= {id(intent): (intent, one, now) for intent, one in zip(intents, kept, strict=True)}
        return None

    async def _release_soon(self) -> None:
        while any(self._settled):
            await asyncio.sleep(_GATHER_SECONDS)
            await self._release()

    async def _release(self) -> None:
        kept, again = self._settled
        self._settled = ([], [])
        if not (kept or again):
            return
        try:
            await asyncio.get_running_loop().run_in_executor(self._thread, self._shelf.release, kept, again)
        except Exception as error:  # noqa: BLE001 - it is delivered later all the same
            _log.warning("deliveries come later", extra={"reason": type(error).__name__, "intents": len(kept)})


def _answer(future: "asyncio.Future[None]", error: Exception | None) -> None:
    if future.done():
        return  # its caller has gone
    if error is None:
        future.set_result(None)
    else:
        future.set_exception(_unkept(type(error).__name__))


def _unkept(why: str) -> Unavailable:
    return Unavailable(
        f"what other backends must get cannot be kept now ({why}), so nothing was changed", code="outbox_unavailable"
    )
