"""What is done with a gateway as steps that ask and take the answers, written once, and done by blocking or by awaiting.

Steps yield the asks whose answers they need next; asks of one yield are independent and may be sent at the same time.
An answer that is empty because something failed is never taken for nothing: it is raised.
"""

import asyncio
from collections.abc import Generator, Sequence
from typing import Any, TypeAlias, TypeVar

from gateway.client import AsyncGateway, Gateway, GatewayError, Unavailable
from gateway.client.operation import Ask

Result = TypeVar("Result")
Reply = TypeVar("Reply")

Steps: TypeAlias = Generator[Sequence[Ask[Any]], list[Any], Result]


def one(ask: Ask[Reply]) -> Steps[Reply]:
    """The answer to one ask: `reply = yield from one(...)`."""
    return (yield [ask])[0]


def each(asks: Sequence[Ask[Reply]], at_once: int = 8) -> Steps[list[Reply]]:
    """The answers in the order of the asks, a few at a time."""
    replies: list[Reply] = []
    for start in range(0, len(asks), at_once):
        replies += yield asks[start : start + at_once]
    return replies


class Doer:
    """Does steps over one client, whichever kind it is. What blocks can be awaited too: then a thread does it."""

    def __init__(self, gateway: Gateway | AsyncGateway) -> None:
        self._gateway = gateway

    @property
    def owner(self) -> tuple[tuple[str, str], ...]:
        """Whose everything is, as far as the client says it."""
        return tuple(sorted((name, str(value)) for name, value in self._gateway.scope.items()))

    def now(self, steps: Steps[Result]) -> Result:
        if isinstance(self._gateway, AsyncGateway):
            raise TypeError("this was made with an AsyncGateway, which can only be awaited; make it with a Gateway")
        part = self._gateway.runs
        try:
            asks = next(steps)
            while True:
                try:
                    replies = [_sound(part.send(ask)) for ask in asks]
                except GatewayError as error:
                    asks = steps.throw(error)
                else:
                    asks = steps.send(replies)
        except StopIteration as done:
            return done.value

    async def soon(self, steps: Steps[Result]) -> Result:
        if isinstance(self._gateway, Gateway):
            return await asyncio.to_thread(self.now, steps)
        part = self._gateway.runs
        try:
            asks = next(steps)
            while True:
                answers = await asyncio.gather(*[part.send(ask) for ask in asks], return_exceptions=True)
                try:
                    replies = [_sound(answer) for answer in answers]
                except GatewayError as error:
                    asks = steps.throw(error)
                else:
                    asks = steps.send(replies)
        except StopIteration as done:
            return done.value


def _sound(answer: Any) -> Any:
    if isinstance(answer, BaseException):
        raise answer
    degraded = getattr(answer, "degraded", "")
    if degraded:
        raise Unavailable("the gateway could not read what this depends on", code=degraded)
    return answer
