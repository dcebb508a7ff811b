"""A provider beside the one that answers: it gets every change, and a share of the reads, and is compared.

What it says is never returned, what it does wrong is never felt: it works after the answer has been given, one call
after another as they were made here, and what it cannot keep up with is left out and counted. The comparison tells ids,
never contents. Knows no report's form.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from enum import StrEnum
from typing import Any, Final, TypeVar

import msgspec

from gateway.chain.through import WRITES, Through, Verb
from gateway.domain.errors import GatewayError
from gateway.domain.ports import Hit, Page, Provider
from gateway.domain.record import Record

Result = TypeVar("Result")

_MOST: Final = 64  # calls of the shadow under way; more are left out
_NAMED: Final = 20  # ids in one difference
_COMPARED: Final[frozenset[Verb]] = frozenset({"get", "scan", "nearest", "matching", "relevant"})


class Verdict(StrEnum):
    SAME = "same"
    DIFFERS = "differs"
    FAILED = "failed"
    LEFT_OUT = "left_out"


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """`missing` are ids that the shadow did not have or find, `extra` those that only it had, `other` other versions."""

    verb: Verb
    verdict: Verdict
    missing: tuple[str, ...] = ()
    extra: tuple[str, ...] = ()
    other: tuple[str, ...] = ()
    reordered: bool = False
    error: str = ""  # the code of what it failed with


class Shadowed:
    """`provider` is what the routes get. `chance` gives numbers from 0 to 1; `told` gets each comparison."""

    def __init__(
        self,
        inner: Provider,
        shadow: Provider,
        sample: float,
        chance: Callable[[], float],
        told: Callable[[Comparison], None],
    ) -> None:
        self.provider: Provider = Through(self._around)
        self._inner = inner
        self._shadow = shadow
        self._sample = sample
        self._chance = chance
        self._told = told
        self._turns = asyncio.Lock()  # hands itself on in the order in which it was asked for
        self._under_way: set[asyncio.Task[None]] = set()

    async def settle(self) -> None:
        """Returns when nothing is under way."""
        while self._under_way:
            await asyncio.wait(self._under_way)

    async def _around(self, verb: Verb, call: Callable[[Any], Awaitable[Result]]) -> Result:
        result = await call(self._inner)
        if verb in WRITES or (verb in _COMPARED and self._chance() < self._sample):
            if len(self._under_way) >= _MOST:
                self._told(Comparison(verb=verb, verdict=Verdict.LEFT_OUT))
            else:
                task = asyncio.create_task(self._follow(verb, call, result))
                self._under_way.add(task)
                task.add_done_callback(self._under_way.discard)
        return result

    async def _follow(self, verb: Verb, call: Callable[[Any], Awaitable[Any]], result: Any) -> None:
        try:
            async with self._turns:
                its_own = await call(self._shadow)
        except GatewayError as error:
            self._told(Comparison(verb=verb, verdict=Verdict.FAILED, error=error.code))
        except Exception as error:  # noqa: BLE001 - a driver may raise anything, and it concerns nobody
            self._told(Comparison(verb=verb, verdict=Verdict.FAILED, error=type(error).__name__))
        else:
            if verb in _COMPARED:
                self._told(compared(verb, result, its_own))


def compared(verb: Verb, result: Any, its_own: Any) -> Comparison:
    """By ids and versions; of searches, by the order too."""
    ours, theirs = _records(result), _records(its_own)
    left, right = ({record.id: record.version for record in side} for side in (ours, theirs))
    missing = tuple(sorted(left.keys() - right.keys()))[:_NAMED]
    extra = tuple(sorted(right.keys() - left.keys()))[:_NAMED]
    other = tuple(sorted(id_ for id_ in left.keys() & right.keys() if left[id_] != right[id_]))[:_NAMED]
    reordered = [each.id for each in ours] != [each.id for each in theirs] and not (missing or extra)
    same = not (missing or extra or other or reordered)
    return Comparison(
        verb=verb,
        verdict=Verdict.SAME if same else Verdict.DIFFERS,
        missing=missing,
        extra=extra,
        other=other,
        reordered=reordered,
    )


def _records(result: Sequence[Record | None] | Sequence[Hit] | Page) -> list[Record]:
    if isinstance(result, Page):
        return list(result.records)
    return [each.record if isinstance(each, Hit) else each for each in result if each is not None]
