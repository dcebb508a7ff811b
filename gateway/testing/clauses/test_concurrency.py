"""Many callers at once: nothing lost, one winner for each version, and the event loop goes on turning."""

import asyncio
import time
from typing import TYPE_CHECKING

from gateway.domain.filters import Compare
from gateway.domain.ports import Matching, Nearest, Provider, Revised, Scan, Where
from gateway.domain.record import Kind
from gateway.domain.scope import Reach
from gateway.testing.lag import LAG, lag
from gateway.testing.making import MEMORIES, Maker, everything, one, scanned
from gateway.testing.subjects import DIMENSION, Subject

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable


async def test_a_thousand_puts_at_once_are_a_thousand_records(
    subject: Subject, provider: Provider, make: Maker
) -> None:
    number = 1000 if subject.many > 1000 else 200  # a slow stand-in shows it with fewer
    records = [make.record(scope=make.scope(f"u{n % 7}")) for n in range(number)]
    answers = await asyncio.gather(*(provider.put([each]) for each in records))
    assert all(list(answer) == [True] for answer in answers)
    found = await scanned(provider, everything(make.tenant), limit=300)
    assert found == records[::-1]


async def test_one_writer_wins_each_version(provider: Provider, make: Maker) -> None:
    first = make.record(version=1)
    for version in range(1, 6):
        rivals = [make.record(f"{version} {n}", id=first.id, version=version) for n in range(20)]
        answers = await asyncio.gather(*(provider.put([each]) for each in rivals))
        won = [rival for rival, (stored,) in zip(rivals, answers, strict=True) if stored]
        assert len(won) == 1
        assert await one(provider, first) == won[0]


async def test_the_newest_of_racing_versions_stays(provider: Provider, make: Maker) -> None:
    first = make.record()
    rivals = [make.record(f"{n}", id=first.id, version=n) for n in range(1, 41)]
    await asyncio.gather(*(provider.put([each]) for each in rivals[::3] + rivals[1::3] + rivals[2::3]))
    assert await one(provider, first) == rivals[-1]


async def test_rivals_of_different_scopes_leave_one_owner(provider: Provider, make: Maker) -> None:
    first = make.record()
    rivals = [make.record(f"{n}", make.scope(f"u{n}"), id=first.id, version=n + 1) for n in range(20)]
    answers = await asyncio.gather(*(provider.put([each]) for each in rivals))
    won = [rival for rival, (stored,) in zip(rivals, answers, strict=True) if stored]
    assert len(won) == 1
    assert await scanned(provider, everything(make.tenant)) == won


async def test_each_record_is_deleted_once(provider: Provider, make: Maker) -> None:
    records = make.records(50)
    await provider.put(records)
    ids = [each.id for each in records]
    counts = await asyncio.gather(*(provider.delete(Reach.only(make.scope()), ids) for _ in range(10)))
    assert sum(counts) == 50


async def test_a_caller_who_goes_away_takes_nobody_along(provider: Provider, make: Maker) -> None:
    records = make.records(40)
    tasks = [asyncio.ensure_future(provider.put([each])) for each in records]
    await asyncio.sleep(0)
    for task in tasks[::2]:
        task.cancel()
    done = await asyncio.gather(*tasks, return_exceptions=True)
    assert all(list(answer) == [True] for answer in done[1::2] if not isinstance(answer, BaseException))
    stayed = [each for each in records[1::2] if await one(provider, each) == each]
    assert len(stayed) == 20


async def test_the_probe_sees_a_loop_that_is_held() -> None:
    async def holds(_: int) -> None:
        time.sleep(2 * LAG)  # noqa: ASYNC251 -- what no provider may do

    assert await lag(holds) > LAG


async def test_no_verb_holds_the_event_loop(subject: Subject, provider: Provider, make: Maker) -> None:
    reach, wide = Reach.only(make.scope()), everything(make.tenant)
    records = [
        make.record(f"a note about tea, number {n}", metadata={"n": n}, vector=make.vector(DIMENSION))
        for n in range(subject.many)
    ]
    for start in range(0, subject.many, 500):
        await provider.put(records[start : start + 500])
    rare = Where(frozenset({Kind.MEMORY}), Compare("icontains", "number 17 ", field="text"))
    query = make.vector(DIMENSION)
    verbs: dict[str, Callable[[int], Awaitable[object]]] = {
        "put": lambda _: provider.put([make.record() for _ in range(20)]),
        "get": lambda _: provider.get(reach, [each.id for each in records[:500]]),
        "scan": lambda _: provider.scan(reach, Scan(where=MEMORIES, limit=1000)),
        "filtered scan": lambda _: provider.scan(reach, Scan(where=rare, limit=10)),
        "wide scan": lambda _: provider.scan(wide, Scan(where=rare, limit=10)),
        "delete": lambda _: provider.delete(reach, [each.id for each in records[:300]]),
    }
    if isinstance(provider, Nearest):
        verbs["nearest"] = lambda _: provider.nearest(reach, query, MEMORIES, 100)
        verbs["filtered nearest"] = lambda _: provider.nearest(reach, query, rare, 100)
    if isinstance(provider, Matching):
        verbs["matching"] = lambda _: provider.matching(reach, ["tea", "number"], MEMORIES, 100)
    if isinstance(provider, Revised):
        verbs["revision"] = lambda _: provider.revision(wide)
    for name, verb in verbs.items():
        assert await lag(verb) < LAG, name


async def test_readers_never_see_a_torn_record(provider: Provider, make: Maker) -> None:
    first = make.record("1 " * 500, metadata={"version": 1})
    reach = Reach.only(make.scope())
    await provider.put([first])

    async def write() -> None:
        for version in range(2, 30):
            text = f"{version} " * 500
            await provider.put([make.record(text, id=first.id, version=version, metadata={"version": version})])

    async def read() -> None:
        for _ in range(40):
            (found,) = await provider.get(reach, [first.id])
            assert found is not None
            assert found.text == f"{found.version} " * 500
            assert found.metadata == {"version": found.version}
            await asyncio.sleep(0)

    await asyncio.gather(write(), read(), read())
