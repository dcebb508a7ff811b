"""Records without their vectors, for a step whose provider keeps none."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

import msgspec

from gateway.chain.through import Through, Verb
from gateway.domain.ports import Provider
from gateway.domain.record import Record

Result = TypeVar("Result")


class Bare:
    """`provider` is what the chain gets."""

    def __init__(self, inner: Provider) -> None:
        self.provider: Provider = Through(self._around, self)
        self._inner = inner

    async def put(self, records: Sequence[Record]) -> Sequence[bool]:
        return await self._inner.put([msgspec.structs.replace(record, vector=None) for record in records])

    async def _around(self, _verb: Verb, call: Callable[[Any], Awaitable[Result]]) -> Result:
        return await call(self._inner)
