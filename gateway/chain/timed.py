"""A time limit of a chain's own before one of its steps: shorter than what the backend's guard allows to everybody."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from gateway.chain.through import Through, Verb
from gateway.domain.errors import DeadlineExceeded
from gateway.domain.ports import Provider

Result = TypeVar("Result")


def timed(inner: Provider, name: str, seconds: float, late: Callable[[], None] = lambda: None) -> Provider:
    """`late` is told when a call had to be given up: the guard behind sees only a caller that has gone."""

    async def around(_verb: Verb, call: Callable[[Any], Awaitable[Result]], /) -> Result:
        try:
            async with asyncio.timeout(seconds):
                return await call(inner)
        except TimeoutError:
            late()
            raise DeadlineExceeded(f"{name} did not answer within {seconds:g} s", code="provider_timeout") from None

    return Through(around)
