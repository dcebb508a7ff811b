"""A cache answers what was read lately, and never with what this process knows to be old, gone or another's."""

import asyncio

import msgspec
import pytest

from gateway.chain.cached import Cached
from gateway.domain.errors import Invalid, Tampered, Unavailable
from gateway.domain.ports import Hit, Provider
from gateway.domain.record import Record
from gateway.domain.scope import Reach
from gateway.testing.making import MEMORIES, Maker, Time
from tests.chain.sides import Side


class Scene:
    def __init__(self, *, ttl: float = 60, search_ttl: float = 0) -> None:
        self.clock = Time()
        self.make = Maker(self.clock)
        self.primary, self.cache = Side("primary", self.clock), Side("cache", self.clock)
        self.hits: list[bool] = []
        self.ttl, self.search_ttl = ttl, search_ttl
        self.chain = self.chained()

    def chained(self, source: str = "primary", primary: Provider | None = None) -> Provider:
        inner = primary or self.primary.provider
        cached = Cached(
            source, inner, self.cache.provider, self.ttl, self.clock,
            search_ttl=self.search_ttl, hit=self.hits.append,
        )  # fmt: skip
        return cached.provider

    async def get(self, record: Record) -> Record | None:
        return (await self.chain.get(Reach.only(record.scope), [record.id]))[0]

    async def search(self, scope_of: Record) -> list[Hit]:
        return list(await self.chain.matching(Reach.only(scope_of.scope), ["tea"], MEMORIES, 10))  # type: ignore[attr-defined]

    def newer(self, record: Record, text: str = "newer") -> Record:
        return msgspec.structs.replace(record, text=text, version=record.version + 1)


async def test_what_was_read_or_written_is_answered_here_as_it_was() -> None:
    scene = Scene()
    record = scene.make.record(
        "with everything", ttl=600, body=b'{"a": [1]}', metadata={"deep": {"x": [1, 2.5, None, "é"]}},
        vector=scene.make.vector(), role="user", version=3,
    )  # fmt: skip
    await scene.chain.put([record])
    scene.primary.calls.clear()
    assert await scene.get(record) == record
    assert (scene.primary.calls, scene.hits) == ([], [True])
    fresh = Scene()
    await fresh.primary.memory.put([record])
    fresh.clock.now = scene.clock.now
    assert [await fresh.get(record), await fresh.get(record)] == [record, record]
    assert fresh.hits == [False, True]


async def test_a_copy_ends_with_its_record_and_after_the_ttl() -> None:
    scene = Scene(ttl=60)
    short, long = scene.make.record("short", ttl=10), scene.make.record("long")
    await scene.chain.put([short, long])
    scene.clock.forward(seconds=11)
    assert await scene.get(short) is None
    await scene.primary.memory.delete(Reach.only(long.scope), [long.id])  # by another process
    assert await scene.get(long) == long
    scene.clock.forward(seconds=50)
    assert await scene.get(long) is None


async def test_a_cache_never_answers_for_another_scope() -> None:
    scene = Scene()
    mine = scene.make.record("mine", scene.make.scope("ann"))
    await scene.chain.put([mine])
    for other in (scene.make.scope("bob"), scene.make.scope("ann", agent="a"), scene.make.scope("ann", space="x")):
        assert await scene.chain.get(Reach.only(other), [mine.id]) == [None]
    other_tenant = msgspec.structs.replace(Reach.only(mine.scope), tenant="t-other")
    assert await scene.chain.get(other_tenant, [mine.id]) == [None]


async def test_a_change_is_seen_at_once_by_who_made_it_even_where_the_cache_misses_it() -> None:
    scene = Scene()
    record = scene.make.record()
    await scene.chain.put([record])
    scene.cache.mood = "away"
    await scene.chain.put([scene.newer(record)])
    scene.cache.mood = "well"  # and still holds what it had
    found = await scene.get(record)
    assert found is not None and found.text == "newer"
    gone = scene.make.record()
    await scene.chain.put([gone])
    scene.cache.mood = "away"
    await scene.chain.delete(Reach.only(gone.scope), [gone.id])
    scene.cache.mood = "well"
    assert await scene.cache.holds(gone), "what passing it by protects from"
    assert await scene.get(gone) is None
    scene.clock.forward(seconds=61)
    assert not await scene.cache.holds(gone)


async def test_a_write_that_failed_may_have_happened() -> None:
    scene = Scene()
    record, gone = scene.make.record(), scene.make.record()
    await scene.chain.put([record, gone])
    scene.primary.mood = "forgets to answer"
    with pytest.raises(Unavailable):
        await scene.chain.put([scene.newer(record)])
    with pytest.raises(Unavailable):
        await scene.chain.delete(Reach.only(gone.scope), [gone.id])
    scene.primary.mood = "well"
    found = await scene.get(record)
    assert found is not None and found.text == "newer"
    assert await scene.get(gone) is None


async def test_a_slow_reader_puts_nothing_back() -> None:
    for change in ("delete", "put", "put again"):
        scene = Scene()
        record = scene.make.record("old")
        await scene.primary.memory.put([record])
        scene.cache.gate = asyncio.Event()
        scene.cache.gate.set()
        reader_wants = scene.chain.get(Reach.only(record.scope), [record.id])
        reading = asyncio.create_task(reader_wants)
        while "get" not in scene.primary.calls:  # noqa: ASYNC110 - it is a matter of turns, not of time
            await asyncio.sleep(0)
        scene.cache.gate.clear()  # the reader has the old one, and has not brought it to the cache
        changing = asyncio.create_task(_change(scene, change, record))
        await asyncio.sleep(0.01)
        scene.cache.gate.set()
        await asyncio.gather(reading, changing)
        wanted = {"delete": None, "put": "newer", "put again": "again"}[change]
        for _ in range(2):
            found = await scene.get(record)
            assert (found.text if found else None) == wanted


async def _change(scene: Scene, change: str, record: Record) -> None:
    if change == "put":
        await scene.chain.put([scene.newer(record)])
        return
    await scene.chain.delete(Reach.only(record.scope), [record.id])
    if change == "put again":
        await scene.chain.put([msgspec.structs.replace(record, text="again")])


async def test_a_cache_that_is_away_is_passed_by() -> None:
    scene = Scene()
    record = scene.make.record()
    scene.cache.mood = "away"
    await scene.chain.put([record])
    assert await scene.get(record) == record
    assert await scene.chain.delete(Reach.only(record.scope), [record.id]) == 1
    scene.primary.mood = "away"  # the primary is not
    with pytest.raises(Unavailable):
        await scene.get(record)


async def test_more_deletions_than_can_be_remembered_pass_the_whole_cache_by(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.chain.cached._REMEMBERED", 3)
    scene = Scene()
    records = scene.make.records(5)
    await scene.chain.put(records)
    scene.cache.mood = "away"
    await scene.chain.delete(Reach.only(records[0].scope), [record.id for record in records])
    scene.cache.mood = "well"
    assert [await scene.get(record) for record in records] == [None] * 5


async def test_chains_over_different_primaries_share_a_cache_and_never_an_answer() -> None:
    scene = Scene()
    other = Side("other", scene.clock)
    second = scene.chained("other", other.provider)
    here = scene.make.record("of the first")
    there = scene.make.record("of the second", id=here.id)
    await scene.chain.put([here])
    await second.put([there])
    for _ in range(2):
        assert [await scene.get(here)] == [here]
        assert list(await second.get(Reach.only(there.scope), [there.id])) == [there]
    plain = scene.make.record("somebody's own, not a copy")
    await scene.cache.memory.put([plain])
    assert await scene.get(plain) is None


async def test_a_copy_that_was_changed_is_tampered() -> None:
    scene = Scene()
    record = scene.make.record()
    await scene.chain.put([record])
    (copy,) = await scene.cache.memory.get(Reach.only(record.scope), [record.id])
    assert copy is not None and record.text not in copy.text
    await scene.cache.memory.delete(Reach.only(record.scope), [record.id])
    await scene.cache.memory.put([msgspec.structs.replace(copy, body=b"\x00")])
    with pytest.raises(Tampered):
        await scene.get(record)
    another = scene.make.record("another's")
    body = msgspec.msgpack.encode(another)
    await scene.cache.memory.delete(Reach.only(record.scope), [record.id])
    await scene.cache.memory.put([msgspec.structs.replace(copy, body=body)])
    with pytest.raises(Tampered):
        await scene.get(record)


async def test_a_refusal_of_the_primary_is_everybodys() -> None:
    scene = Scene()
    scene.primary.mood = "refuses"
    with pytest.raises(Invalid):
        await scene.chain.put([scene.make.record()])


async def test_a_search_asked_again_is_answered_until_something_changes() -> None:
    scene = Scene(search_ttl=10)
    record = scene.make.record("green tea")
    await scene.chain.put([record])
    assert [hit.record for hit in await scene.search(record)] == [record]
    await scene.search(record)
    assert scene.primary.calls.count("matching") == 1
    await scene.chain.put([scene.newer(record, "black tea")])
    assert [hit.record.text for hit in await scene.search(record)] == ["black tea"]
    await scene.chain.delete(Reach.only(record.scope), [record.id])
    assert await scene.search(record) == []
    other = Scene(search_ttl=0)
    await other.search(record)
    await other.search(record)
    assert other.primary.calls.count("matching") == 2


async def test_a_search_ends_with_its_time_and_shows_nothing_expired() -> None:
    scene = Scene(search_ttl=10)
    short, long = scene.make.record("tea", ttl=5), scene.make.record("more tea")
    await scene.chain.put([short, long])
    assert len(await scene.search(long)) == 2
    scene.clock.forward(seconds=6)
    assert [hit.record for hit in await scene.search(long)] == [long]
    await scene.primary.memory.delete(Reach.only(long.scope), [long.id])  # by another process
    assert len(await scene.search(long)) == 1
    scene.clock.forward(seconds=5)
    assert await scene.search(long) == []


async def test_a_search_that_was_under_way_during_a_change_is_not_kept() -> None:
    scene = Scene(search_ttl=10)
    record = scene.make.record("green tea")
    await scene.primary.memory.put([record])
    hits = await scene.search(record)
    scene = Scene(search_ttl=10)
    inside = asyncio.Event()

    async def slow(*_: object) -> list[Hit]:
        await inside.wait()
        return hits  # as it was before

    primary = Side("primary", scene.clock)
    primary.provider.matching = slow  # type: ignore[attr-defined]
    scene.chain = scene.chained("primary", primary.provider)
    searching = asyncio.create_task(scene.search(record))
    await asyncio.sleep(0.01)
    await scene.chain.put([scene.newer(record, "black coffee")])
    inside.set()
    assert await searching == hits
    hits = []
    assert await scene.search(record) == []
