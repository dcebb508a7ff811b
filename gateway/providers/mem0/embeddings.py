"""mem0's embedder, asked by many at once: what comes in while a call is under way travels together in the next one.

Nothing waits for a timer. A text that the embedder refuses harms only the one who brought it.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final, TypeAlias

Vector: TypeAlias = list[float]
_TOGETHER: Final = 100  # texts in one call
_CALLS: Final = 2
_READ: Final = 8_000  # characters: embedders have a window, and refuse what is longer


class Embeddings:
    """`call` runs a blocking function elsewhere."""

    def __init__(self, model: Any, blank: Vector, call: Callable[[Callable[[], Any]], Awaitable[Any]]) -> None:
        self._model = model
        self._blank = blank
        self._call = call
        self._waiting: list[tuple[str, asyncio.Future[Vector]]] = []
        self._working = 0
        self._workers: set[asyncio.Task[None]] = set()  # held, so that none is collected

    async def of(self, texts: Sequence[str]) -> list[Vector]:
        """One vector for each text, in order; a text without words has that of no text."""
        loop = asyncio.get_running_loop()
        asked: list[asyncio.Future[Vector]] = []
        for text in texts:
            future: asyncio.Future[Vector] = loop.create_future()
            if text.strip():
                self._waiting.append((text[:_READ], future))
            else:
                future.set_result(self._blank)
            asked.append(future)
        if self._waiting and self._working < _CALLS:
            self._working += 1
            worker = asyncio.create_task(self._work())
            self._workers.add(worker)
            worker.add_done_callback(self._workers.discard)
        try:
            return await asyncio.gather(*asked)
        except BaseException:
            for future in asked:
                future.cancel()
                if future.done() and not future.cancelled():
                    future.exception()
            raise

    async def _work(self) -> None:
        try:
            while self._waiting:
                some, self._waiting = self._waiting[:_TOGETHER], self._waiting[_TOGETHER:]
                wanted = [each for each in some if not each[1].done()]
                if wanted:
                    await self._answer(wanted)
        finally:
            # In the same step as the last look: whoever comes after it finds room for a worker, and is not left waiting.
            self._working -= 1

    async def _answer(self, wanted: Sequence[tuple[str, asyncio.Future[Vector]]]) -> None:
        try:
            await self._together(wanted)
        except Exception as error:  # noqa: BLE001 -- told to whoever waits for it
            if len(wanted) == 1:
                _fail(wanted[0][1], error)
            else:
                await self._apart(wanted)

    async def _together(self, wanted: Sequence[tuple[str, asyncio.Future[Vector]]]) -> None:
        texts = [text for text, _ in wanted]
        vectors = await self._call(lambda: self._model.embed_batch(texts, "add"))
        for (_, future), vector in zip(wanted, vectors, strict=True):
            if not future.done():
                future.set_result(vector)

    async def _apart(self, wanted: Sequence[tuple[str, asyncio.Future[Vector]]]) -> None:
        """One by one; when the first few fail too, it is the embedder and not a text, and the rest need not wait."""
        failed = 0
        for each in wanted:
            try:
                if failed >= 3:
                    raise ConnectionError("the embedder does not answer")
                await self._together([each])
            except Exception as error:  # noqa: BLE001 -- told to whoever waits for it
                failed += 1
                _fail(each[1], error)


def _fail(future: asyncio.Future[Vector], error: Exception) -> None:
    if not future.done():
        future.set_exception(error)
