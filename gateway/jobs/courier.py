"""Carries what one run of a job owes: few large deliveries, each judged by itself, so that one bad record holds up no other.

Runs on the server's event loop, with the providers that serve now. Knows neither the tables nor DBOS.
"""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Final, TypeAlias

import msgspec

from gateway.chain.delivering import deliver
from gateway.domain.errors import DeadlineExceeded, GatewayError, Unavailable
from gateway.domain.outbox import Intent, Outbox
from gateway.domain.ports import Provider
from gateway.domain.scope import Reach
from gateway.jobs.job import Begun, Carried, Owed

_TOGETHER: Final = 200  # ids in one delivery
_SIDE_BY_SIDE: Final = 4
_LONGEST: Final = 600.0  # seconds that one run may take

_Place: TypeAlias = tuple[Reach, datetime | None]


class Undeclared(Exception):
    """A key that names nothing that is open now."""


class Between(msgspec.Struct, frozen=True):
    source: Provider
    target: Provider


# Lends the providers of two keys; Undeclared where there is none, Unavailable where it is not open for now.
Lend: TypeAlias = Callable[[str, str], AbstractAsyncContextManager[Between]]


class Courier:
    def __init__(self, lend: Lend, outbox: Outbox) -> None:
        self._lend = lend
        self._outbox = outbox

    async def carry(self, begun: Begun) -> Carried:
        """Never raises, but when it is cancelled."""
        try:
            async with asyncio.timeout(_LONGEST), self._lend(begun.source, begun.target) as between:
                return await self._carry(begun, between)
        except TimeoutError:
            return Carried(done=frozenset(), reason=f"not done within {_LONGEST:g} seconds", away=True)
        except Undeclared as missing:
            return Carried(done=frozenset(), reason=str(missing), hopeless=True)
        except GatewayError as error:
            return Carried(done=frozenset(), reason=_reason(error), away=_is_away(error))

    async def _carry(self, begun: Begun, between: Between) -> Carried:
        groups = _grouped(begun.owed)
        failed: dict[_Place, set[str]] = {place: set() for place in groups}
        errors: list[Exception] = []
        turns = asyncio.Semaphore(_SIDE_BY_SIDE)

        async def attempt(place: _Place, ids: Sequence[str]) -> None:
            """What is refused is halved until what is refused stands alone; what is away is left for another time."""
            reach, gone = place
            intent = Intent(source=begun.source, target=begun.target, reach=reach, ids=tuple(ids), gone=gone)
            try:
                async with turns:
                    await deliver(intent, between.source, between.target, self._outbox)
            except Exception as error:  # noqa: BLE001 - other people's code may raise anything
                if len(ids) > 1 and not _is_away(error):
                    middle = len(ids) // 2
                    await attempt(place, ids[:middle])
                    await attempt(place, ids[middle:])
                else:
                    failed[place] |= set(ids)
                    errors.append(error)

        async with asyncio.TaskGroup() as tasks:
            for place, ids in groups.items():
                for start in range(0, len(ids), _TOGETHER):
                    tasks.create_task(attempt(place, ids[start : start + _TOGETHER]))
        done = frozenset(owed.number for owed in begun.owed if failed[_place(owed.intent)].isdisjoint(owed.intent.ids))
        if not errors:
            return Carried(done=done)
        return Carried(done=done, reason=_reason(errors[0]), away=any(map(_is_away, errors)))


def _place(intent: Intent) -> _Place:
    return intent.reach, intent.gone


def _grouped(owed: Sequence[Owed]) -> dict[_Place, list[str]]:
    """What can be delivered together: the records of one reach, or of one deletion; each once."""
    groups: dict[_Place, dict[str, None]] = {}
    for each in owed:
        groups.setdefault(_place(each.intent), {}).update(dict.fromkeys(each.intent.ids))
    return {place: list(ids) for place, ids in groups.items()}


def _is_away(error: Exception) -> bool:
    return isinstance(error, Unavailable | DeadlineExceeded)


def _reason(error: Exception) -> str:
    """A backend's own words may hold contents, so of those only the name is kept."""
    return f"{error.code}: {error.detail}" if isinstance(error, GatewayError) else type(error).__name__
