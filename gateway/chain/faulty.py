"""Something that goes wrong on purpose before a backend: errors, slowness, silence, and lies, each as often as it is told.

For tests, and for trying out a gateway that runs. What goes wrong comes from the randomness it is given, so that the
same seed gives the same faults. Never part of a declared chain; knows neither who asked for the faults nor for how long.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar, cast

import msgspec

from gateway.chain.through import WRITES, Through, Verb
from gateway.domain.errors import Unavailable
from gateway.domain.ports import Hit, Page, Provider
from gateway.domain.record import Record

Result = TypeVar("Result")


class Faults(msgspec.Struct, frozen=True, kw_only=True):
    """Shares of the calls, from 0 to 1. An error comes before the backend is asked; `cut` comes after it has answered."""

    errors: float = 0.0
    cut: float = 0.0  # the backend has done it, and the caller does not learn so
    hang: float = 0.0
    latency: float = 0.0  # seconds, before every call
    strange: float = 0.0  # reads with every row moved to another tenant
    dropped: float = 0.0  # writes acknowledged and not made


class Faulty:
    """`provider` is what stands in the backend's place. `struck` counts the calls that something was done to."""

    def __init__(self, inner: Provider, faults: Faults, chance: random.Random) -> None:
        self.provider: Provider = Through(self._around, self)
        self.struck = 0
        self._inner = inner
        self._faults = faults
        self._chance = chance

    async def put(self, records: Sequence[Record]) -> Sequence[bool]:
        if self._strikes(self._faults.dropped):
            return [True] * len(records)
        return await self._around("put", lambda inner: inner.put(records))

    async def replace(self, records: Sequence[Record], beside: Sequence[Record] = ()) -> Sequence[bool]:
        if self._strikes(self._faults.dropped):
            return [True] * len(records)
        return await self._around("replace", lambda inner: inner.replace(records, beside))

    async def _around(self, verb: Verb, call: Callable[[Any], Awaitable[Result]]) -> Result:
        if self._faults.latency:
            await asyncio.sleep(self._faults.latency)
        if self._strikes(self._faults.hang):
            await asyncio.Event().wait()
        if self._strikes(self._faults.errors):
            raise Unavailable("a fault that was asked for", code="fault_injected")
        result = await call(self._inner)
        if self._strikes(self._faults.cut):
            raise Unavailable("a fault that was asked for", code="fault_injected")
        return _moved(result) if verb not in WRITES and self._strikes(self._faults.strange) else result

    def _strikes(self, share: float) -> bool:
        struck = share > 0 and self._chance.random() < share
        self.struck += struck
        return struck


def _moved(result: Any) -> Any:
    """The rows of an answer, as if they were another tenant's."""
    match result:
        case Page():
            return msgspec.structs.replace(result, records=tuple(map(_elsewhere, result.records)))
        case list() | tuple():
            rows = cast("Sequence[Any]", result)  # records, hits or gaps
            return [Hit(_elsewhere(row.record), row.score) if isinstance(row, Hit) else _elsewhere(row) for row in rows]
        case _:
            return result


def _elsewhere(record: Any) -> Any:
    if not isinstance(record, Record):
        return record
    scope = msgspec.structs.replace(record.scope, tenant=f"{record.scope.tenant}-other")
    return msgspec.structs.replace(record, scope=scope)
