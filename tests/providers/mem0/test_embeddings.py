"""What is asked of mem0's embedder by many at once is answered to each of them."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

from gateway.providers.mem0.embeddings import Embeddings


class Model:
    def embed_batch(self, texts: Sequence[str], _action: str) -> list[list[float]]:
        return [[float(len(text))] for text in texts]


async def test_what_comes_in_as_the_last_calls_end_is_not_left_waiting() -> None:
    gate: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def call(work: Callable[[], Any]) -> Any:
        await gate
        return work()

    embeddings = Embeddings(Model(), [0.0], call)

    async def late() -> list[list[float]]:
        await gate  # in the very step after the two calls have ended
        return await embeddings.of(["late"])

    early: list[asyncio.Task[list[list[float]]]] = []
    for number in (1, 2):
        early.append(asyncio.create_task(embeddings.of(["a" * number])))
        for _ in range(3):
            await asyncio.sleep(0)
    latest = asyncio.create_task(late())
    await asyncio.sleep(0)
    gate.set_result(None)
    async with asyncio.timeout(5):
        assert [await each for each in early] == [[[1.0]], [[2.0]]]
        assert await latest == [[4.0]]
