"""How long something holds the event loop: the one fault of a provider that its answers do not show.

Knows no provider, and nothing of what it watches.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

LAG: Final = 0.05  # in seconds; what nothing may hold the loop for
_STEP: Final = 0.001
_TRIES: Final = 12
_TURNS: Final = Path("/proc/thread-self/schedstat")  # the second number: nanoseconds in which it could have run


async def lag(act: Callable[[int], Awaitable[object]]) -> float:
    """The longest that the loop did not turn while it acted, in seconds: the least of some tries, for the threads of this
    process wait for each other too, and of no more than it takes to come below LAG. `act` gets the number of the try."""
    found: list[float] = []
    for attempt in range(_TRIES):
        async with watched() as worst:
            await act(attempt)
        found.append(worst[0])
        if worst[0] < LAG:
            break
    return min(found)


@asynccontextmanager
async def watched() -> AsyncGenerator[list[float]]:
    """One number, which grows: by how much a sleeping task woke too late. Time in which other programs had the
    processor is taken off, where the system tells it."""
    worst = [0.0]

    async def watch() -> None:
        while True:
            began, stood = time.perf_counter(), _stood()
            await asyncio.sleep(_STEP)
            stood = _stood() - stood  # looked at before the clock: nothing is taken off that the clock has not counted
            worst[0] = max(worst[0], time.perf_counter() - began - _STEP - stood)

    task = asyncio.ensure_future(watch())
    await asyncio.sleep(5 * _STEP)
    worst[0] = 0.0
    try:
        yield worst
        await asyncio.sleep(2 * _STEP)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def _stood() -> float:
    """How long this thread has waited for a processor, since it began."""
    try:
        return int(_TURNS.read_text(encoding="ascii").split()[1]) / 1e9
    except OSError:
        return 0.0
