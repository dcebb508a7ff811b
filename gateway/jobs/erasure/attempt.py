"""One attempt at an erasure: on every target that there is, and what each has answered. Keeps nothing but ids.

Knows neither fences nor receipts, nor when the next attempt is due.
"""

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from gateway.chain.vanishing import Person, Until, Vanished, vanish
from gateway.config.compiled import Plugged
from gateway.domain.erasure import Method, Standing, Target
from gateway.domain.errors import GatewayError
from gateway.domain.ids import Clock
from gateway.jobs.erasure.reaching import Reaching
from gateway.jobs.erasure.taken import Taken
from gateway.runtime.snapshot import Snapshot

if TYPE_CHECKING:
    from gateway.domain.record import Kind
    from gateway.jobs.erasure.store import ErasureStore


class Attempts:
    def __init__(self, clock: Clock, now: Clock, reaching: Reaching) -> None:
        self._clock = clock
        self._now = now
        self._reaching = reaching
        self._ids: dict[str, dict[Kind, set[str]]] = {}  # of erasures under way here: each record counts once

    @property
    def counting(self) -> bool:
        return bool(self._ids)

    async def made(
        self,
        store: "ErasureStore",
        taken: Taken,
        snapshot: Snapshot,
        standing: Standing,
        *,
        until: Until | None,
        verify: bool,
    ) -> tuple[Standing, bool]:
        """With whether some did not answer. With `verify`, each is looked through afterwards."""
        person, whole = taken.whom(), self._reaching.targets(snapshot, taken.tenant)
        known = {each.provider: each for each in standing.targets}
        outcomes = await asyncio.gather(
            *(self._one(snapshot, each, person, until, verify=verify) for each in whole.values())
        )
        counted, deleted = self._ids.setdefault(taken.id, {}), dict(standing.deleted)
        sessions, spent, targets = set[Any](), set[str](), list[Target]()
        for declared, outcome in zip(whole.values(), outcomes, strict=True):
            before = known.get(declared.key) or Target(provider=declared.key, type=declared.type_name)
            targets.append(self._stands(declared, before, outcome))
            if isinstance(outcome, Vanished):
                spent |= outcome.spent
                sessions |= outcome.sessions
                for kind, ids in outcome.ids.items():
                    counted.setdefault(kind, set()).update(ids)
        for kind, ids in counted.items():
            # After a restart it is not known any more which were counted: then the most that was found at once.
            deleted[kind.value] = max(deleted.get(kind.value, 0), len(ids))
        if spent:
            await asyncio.to_thread(store.spend, taken.tenant, sorted(spent), self._now())
        targets += [each for key, each in known.items() if key not in whole]
        told = msgspec.structs.replace(
            standing,
            targets=tuple(targets),
            deleted={kind: count for kind, count in sorted(deleted.items()) if count},
            sessions=max(standing.sessions, len(sessions)),
        )
        return told, any(isinstance(each, Exception) for each in outcomes)

    def ended(self, id_: str) -> None:
        """Nothing is counted any more."""
        self._ids.pop(id_, None)

    async def _one(
        self, snapshot: Snapshot, target: Plugged, person: Person, until: Until | None, *, verify: bool
    ) -> Vanished | Exception:
        try:
            async with self._reaching.reached(snapshot, target) as reached:
                return await vanish(reached.provider, reached.can, person, until, verify=verify)
        except Exception as error:  # noqa: BLE001 - other people's code may raise anything; this target has not confirmed
            return error

    def _stands(self, declared: Plugged, before: Target, outcome: Vanished | Exception) -> Target:
        if isinstance(outcome, Exception):
            if before.method is not Method.PENDING:
                return before  # it has confirmed, and nobody can have written since
            return msgspec.structs.replace(before, reason=_reason(outcome))
        counts = {kind: before.before.get(kind, 0) + count for kind, count in outcome.counts().items()}
        told = msgspec.structs.replace(before, before={**before.before, **counts}, after=outcome.left)
        if outcome.wrong:
            return msgspec.structs.replace(told, method=Method.PENDING, verified_at=None, reason=outcome.wrong)
        if declared.plugin.capabilities(declared.options).attested:
            return msgspec.structs.replace(told, method=Method.ATTESTED, reason="")
        return msgspec.structs.replace(told, method=Method.DELETED, verified_at=self._clock(), reason="")


def unseen(snapshot: Snapshot, taken: Taken, names: frozenset[str], whole: Mapping[str, Plugged]) -> tuple[str, ...]:
    """In words, what nobody has looked through."""
    told = [f"provider {key}: no longer declared, and may hold copies" for key in sorted(names - whole.keys())]
    if taken.tenant in snapshot.locked:
        told.append("the tenant's configuration is broken: providers of its own could not be seen")
    return tuple({*taken.standing.uncovered, *told})


def _reason(error: Exception) -> str:
    """A backend's own words may hold contents, so of those only the name is kept."""
    return f"{error.code}: {error.detail}" if isinstance(error, GatewayError) else type(error).__name__
