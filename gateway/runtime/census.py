"""How each open provider is, asked now: whether it answers, how fast, and what it holds.

All are asked at once, each with its own time, so that one that hangs hides no other. Knows nothing of how that is shown.
"""

import asyncio
import time
from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from gateway.domain.errors import GatewayError
from gateway.domain.ports import Count, Counted, Pinged
from gateway.domain.record import Kind

SECONDS: Final = 2.0  # what does not answer by then is not up
_TOGETHER: Final = 32


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """`holds` is None where the provider does not count, or could not now: never shown as empty."""

    up: bool
    seconds: float
    holds: Mapping[Kind, Count] | None = None


async def census(live: Sequence[tuple[str, object]], seconds: float = SECONDS) -> dict[str, Standing]:
    """By the name each was declared under. What can neither be pinged nor counted is left out."""
    turns = asyncio.Semaphore(_TOGETHER)

    async def ask(name: str, instance: object) -> tuple[str, Standing]:
        async with turns:
            return name, await _standing(instance, seconds)

    asked = (ask(name, instance) for name, instance in live if isinstance(instance, Pinged | Counted))
    return dict(await asyncio.gather(*asked))


async def _standing(instance: object, seconds: float) -> Standing:
    began = time.perf_counter()
    took, holds = 0.0, None
    try:
        async with asyncio.timeout(seconds):
            if isinstance(instance, Pinged):
                await instance.ping()
                took = time.perf_counter() - began
            if isinstance(instance, Counted):
                holds = await instance.count()
                took = took or time.perf_counter() - began
    except GatewayError as error:
        answered = bool(took) or error.code == "not_counted"
        return Standing(up=answered, seconds=took or time.perf_counter() - began)
    except TimeoutError:
        return Standing(up=bool(took), seconds=took or seconds)
    return Standing(up=True, seconds=took, holds=holds)
