"""No verb holds the event loop, at a size that Zep's three calls for each write allow to be made in a test."""

from typing import TYPE_CHECKING

from gateway.domain.filters import Compare
from gateway.domain.ports import Scan, Where
from gateway.domain.record import Kind
from gateway.domain.scope import Reach
from gateway.testing.lag import LAG, lag
from gateway.testing.making import MEMORIES, Maker, Time, everything
from tests.providers.zep.places import Server, opened

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable


async def test_no_verb_holds_the_event_loop(server: Server, prefix: str, make: Maker, clock: Time) -> None:
    reach = Reach.only(make.scope())
    records = [make.record(f"a note about tea, number {n}", metadata={"n": n}) for n in range(800)]
    rare = Where(frozenset({Kind.MEMORY}), Compare("icontains", "number 17 ", field="text"))
    async with opened(server, prefix, clock) as provider:
        await provider.put(records)
        verbs: dict[str, Callable[[int], Awaitable[object]]] = {
            "put": lambda _: provider.put([make.record() for _ in range(20)]),
            "get": lambda _: provider.get(reach, [each.id for each in records[:500]]),
            "scan": lambda _: provider.scan(reach, Scan(where=MEMORIES, limit=1000)),
            "filtered scan": lambda _: provider.scan(reach, Scan(where=rare, limit=10)),
            "wide scan": lambda _: provider.scan(everything(make.tenant), Scan(where=rare, limit=10)),
            "search": lambda _: provider.relevant(reach, "tea", MEMORIES, 100),
            "delete": lambda _: provider.delete(reach, [each.id for each in records[:50]]),
        }
        for name, verb in verbs.items():
            assert await lag(verb) < LAG, name
