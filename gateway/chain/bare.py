"""Records without their vectors, for a step whose provider keeps none."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar, cast

import msgspec

from gateway.chain.through import Through, Verb
from gateway.domain.ports import Provider, Replaces
from gateway.domain.record import Record

Result = TypeVar("Result")


class Bare:
    """`provider` is what the chain gets."""

    def __init__(self, inner: Provider) -> None:
        self.provider: Provider = Through(self._around, self)
        self._inner = inner

    async def put(self, records: Sequence[Record]) -> Sequence[bool]:
        return await self._inner.put(_bare(records))

    async def replace(self, records: Sequence[Record], beside: Sequence[Record] = ()) -> Sequence[bool]:
        return await cast("Replaces", self._inner).replace(_bare(records), _bare(beside))

    async def _around(self, _verb: Verb, call: Callable[[Any], Awaitable[Result]]) -> Result:
        return await call(self._inner)


def _bare(records: Sequence[Record]) -> list[Record]:
    return [msgspec.structs.replace(record, vector=None) for record in records]
