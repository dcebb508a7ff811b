"""From asks to methods: the same function gives the method that blocks and the one that awaits, with its signature."""

import functools
from collections.abc import Awaitable, Callable
from typing import Concatenate, ParamSpec, TypeVar

from gateway.client.operation import Ask, ScopeParts
from gateway.client.wires import AsyncWire, Wire

P = ParamSpec("P")
Reply = TypeVar("Reply")


class Part:
    """Some operations of a client that blocks, with whose memories they are about."""

    def __init__(self, wire: Wire, scope: ScopeParts) -> None:
        self._wire = wire
        self._scope = scope

    def send(self, ask: Ask[Reply]) -> Reply:
        return self._wire.send(ask, self._scope)


class AsyncPart:
    """The same of a client that awaits."""

    def __init__(self, wire: AsyncWire, scope: ScopeParts) -> None:
        self._wire = wire
        self._scope = scope

    def send(self, ask: Ask[Reply]) -> Awaitable[Reply]:
        return self._wire.send(ask, self._scope)


def sends(asks: Callable[P, Ask[Reply]]) -> Callable[Concatenate[Part, P], Reply]:
    @functools.wraps(asks)
    def method(self: Part, /, *args: P.args, **kwargs: P.kwargs) -> Reply:
        return self.send(asks(*args, **kwargs))

    return method


def awaits(asks: Callable[P, Ask[Reply]]) -> Callable[Concatenate[AsyncPart, P], Awaitable[Reply]]:
    @functools.wraps(asks)
    def method(self: AsyncPart, /, *args: P.args, **kwargs: P.kwargs) -> Awaitable[Reply]:
        return self.send(asks(*args, **kwargs))

    return method
