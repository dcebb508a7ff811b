"""The whole move of one tenant: go through everything once, catch up with what was written meanwhile, compare.

Every part may be killed and begun again. While others go on writing, a comparison is made in rounds: what differs is
brought again, until only what is younger than the last round does.
"""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import aclosing
from datetime import timedelta
from functools import partial
from typing import Final

import msgspec

from gateway.domain.ids import Clock
from gateway.domain.ports import Count
from gateway.domain.record import Kind
from gateway.services.moving.comparing import Comparison, Difference, Sort, compared
from gateway.services.moving.copying import Step, brought, copied
from gateway.services.moving.paging import paged, patiently
from gateway.services.moving.standing import Log, Standing
from gateway.services.moving.way import Way, whole

SKEW: Final = timedelta(seconds=60)  # how far the clocks of those who write may be apart
ROUNDS: Final = 5
_PAUSE: Final = 1.0  # seconds between two rounds: what is owed to the target is delivered meanwhile
_SOME: Final = 500

Tell = Callable[[str, Step, Standing], None]


class Moved(msgspec.Struct, frozen=True, kw_only=True):
    """`left` counts what the target cannot hold. `young` differences are younger than the last round: writes go on."""

    tenant: str
    standing: Standing
    left: dict[Kind, int] = {}
    comparison: Comparison | None = None
    differences: tuple[Difference, ...] = ()
    young: int = 0

    @property
    def same(self) -> bool:
        return not self.differences and not self.standing.refused


class Mover:
    def __init__(self, way: Way, log: Log, clock: Clock, tell: Tell, *, pause: float = _PAUSE) -> None:
        self._way = way
        self._log = log
        self._clock = clock
        self._tell = tell
        self._pause = pause

    async def move(self, tenant: str, *, verify: bool = False, live: bool = False) -> Moved:
        """Raises what a provider raises after patience; what was done is noted, so that it can be gone on with."""
        left = await held(self._way, tenant, self._way.left)
        standing = await self._caught_up(tenant, await self._gone_through(tenant))
        moved = Moved(tenant=tenant, standing=standing, left={kind: each.records for kind, each in left.items()})
        if live:
            return await self._in_rounds(moved)
        if verify:
            comparison = await compared(self._way, tenant)
            return msgspec.structs.replace(moved, comparison=comparison, differences=comparison.differences)
        return moved

    async def _gone_through(self, tenant: str) -> Standing:
        standing = self._log.of(tenant) or Standing(since=self._clock())
        if standing.done:
            return standing
        await self._log.note(tenant, standing)
        async with aclosing(copied(self._way, tenant, standing.after)) as steps:
            async for step in steps:
                standing = await self._noted(tenant, step, msgspec.structs.replace(standing, after=step.after))
        standing = msgspec.structs.replace(standing, done=True)
        await self._log.note(tenant, standing)
        return standing

    async def _caught_up(self, tenant: str, standing: Standing) -> Standing:
        """Reads again what was written since the last reading began, until there is nothing new."""
        for _ in range(ROUNDS):
            began, stored = self._clock(), standing.stored
            async with aclosing(copied(self._way, tenant, since=standing.since - SKEW)) as steps:
                async for step in steps:
                    standing = await self._noted(tenant, step, standing)
            standing = msgspec.structs.replace(standing, since=began)
            await self._log.note(tenant, standing)
            if standing.stored == stored:
                break
        return standing

    async def _noted(self, tenant: str, step: Step, standing: Standing) -> Standing:
        refused = tuple(dict.fromkeys((*standing.refused, *step.refused)))
        standing = msgspec.structs.replace(
            standing, read=standing.read + step.read, stored=standing.stored + step.stored, refused=refused
        )
        await self._log.note(tenant, standing)
        self._tell(tenant, step, standing)
        return standing

    async def _in_rounds(self, moved: Moved) -> Moved:
        tenant, way = moved.tenant, self._way
        for number in range(ROUNDS):
            if number:
                await asyncio.sleep(self._pause)
                standing = await self._caught_up(tenant, moved.standing)
                moved = msgspec.structs.replace(moved, standing=standing)
            began = self._clock()
            comparison = await compared(way, tenant)
            old = tuple(each for each in comparison.differences if each.at < began - SKEW)
            moved = msgspec.structs.replace(
                moved, comparison=comparison, differences=old, young=len(comparison.differences) - len(old)
            )
            if not comparison.differences or (not old and number):
                return moved
            await self._brought(tenant, comparison.differences)
        return moved

    async def _brought(self, tenant: str, differences: Sequence[Difference]) -> None:
        ids = [each.id for each in differences if each.sort is not Sort.EXTRA]
        for start in range(0, len(ids), _SOME):
            some = ids[start : start + _SOME]
            found = await patiently(partial(self._way.source.get, whole(tenant), some))
            await brought(self._way, tenant, [each for each in found if each is not None])


async def held(way: Way, tenant: str, kinds: frozenset[Kind]) -> dict[Kind, Count]:
    """What the source has of these kinds, by reading through it."""
    found: dict[Kind, Count] = {}
    if not kinds:
        return found
    async with aclosing(paged(way.source, tenant, kinds, vectors=False, bodies=False)) as pages:
        async for page in pages:
            for record in page.records:
                old = found.get(record.kind, Count())
                found[record.kind] = Count(old.records + 1, old.bytes + record.size())
    return found
