"""A cluster: a scope in one slot and its tenant in another, and what keeps the two in step when somebody is in between."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import msgspec
import pytest

from gateway.domain.ports import Kit, Order, Where
from gateway.domain.record import Kind, Record
from gateway.domain.scope import Reach
from gateway.providers.redis import Redis
from gateway.providers.redis.claims import Claims, claim_for
from gateway.providers.redis.names import micros
from gateway.providers.redis.rows import row_of
from gateway.testing.making import Maker, Time, everything, one, scanned
from tests.servers import Absent, redis

Step = Callable[[], Awaitable[object]]
Keys = Callable[[], Awaitable[list[str]]]


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Generator[str]:
    try:
        with redis.cluster(tmp_path_factory.mktemp("cluster")) as server:
            yield server["url"]
    except Absent as missing:
        pytest.skip(f"absent: {missing}")


@pytest.fixture
async def raw(url: str) -> AsyncGenerator[Any]:
    from redis.asyncio.cluster import RedisCluster

    client: Any = RedisCluster.from_url(url, decode_responses=True)
    try:
        yield client
    finally:
        await client.aclose()


@pytest.fixture
def keys(raw: Any, prefix: str) -> Keys:
    async def found() -> list[str]:
        return sorted([key async for key in raw.scan_iter(match=prefix + "*", count=1_000)])

    return found


@pytest.fixture
async def provider(url: str, prefix: str, clock: Time) -> AsyncGenerator[Redis]:
    async with AsyncExitStack() as stack:
        yield await opened(stack, url, prefix, clock)


async def opened(stack: AsyncExitStack, url: str, prefix: str, clock: Time, **options: Any) -> Redis:
    given = {"url": url, "prefix": prefix, "cluster": True, "timeout": "20s", "connect_timeout": "20s", **options}
    converted = msgspec.convert(given, Redis.Options, dec_hook=lambda kind, text: kind(text))
    made = Redis(converted, Kit(name="main", clock=clock, home=Path()))
    await made.open(stack)
    return made


class Between:
    """The provider's connection, on which something else happens right before or after one of its scripts."""

    def __init__(self, provider: Redis, script: str, step: Step, *, after: bool = False) -> None:
        self._wire: Any = provider._wire  # pyright: ignore[reportPrivateUsage]
        self._script = script
        self._step = step
        self._after = after
        self._run = self._wire.run
        self._wire.run = self.run

    async def run(self, script: str, keys: Sequence[str], arguments: Sequence[Any]) -> Any:
        if script != self._script:
            return await self._run(script, keys, arguments)
        self._wire.run = self._run
        if not self._after:
            await self._step()
        told = await self._run(script, keys, arguments)
        if self._after:
            await self._step()
        return told


async def claimed(provider: Redis, record: Record, clock: Time) -> None:
    """What a writer leaves that died before it wrote."""
    writing: Any = provider._writing  # pyright: ignore[reportPrivateUsage]
    names = writing._names
    claims = Claims(writing._wire, names)
    claim = claim_for(row_of(record, clock(), None), "")
    parts = msgspec.json.encode([record.scope.space, record.scope.user, record.scope.agent, record.scope.run])
    assert await claims.take(names.owner(record.scope), parts, micros(clock()), [claim]) == [True]


async def test_scopes_are_spread_over_the_nodes(provider: Redis, make: Maker, keys: Keys, raw: Any) -> None:
    records = [make.record(scope=make.scope(f"u{n}")) for n in range(40)]
    await provider.put(records)
    nodes = {raw.get_node_from_key(key).name for key in await keys() if ":r:" in key}
    assert len(nodes) == 3
    assert await scanned(provider, everything(make.tenant), limit=7) == records[::-1]
    assert list(await provider.get(everything(make.tenant), [each.id for each in records])) == records


async def test_a_claim_without_a_record_gives_way(provider: Redis, make: Maker, clock: Time) -> None:
    dead = make.record("never written", make.scope("bob"))
    await claimed(provider, dead, clock)
    record = make.record("written", id=dead.id)
    assert list(await provider.put([record])) == [True]
    assert list(await provider.get(everything(make.tenant), [record.id])) == [record]
    assert await scanned(provider, everything(make.tenant)) == [record]


async def test_a_claim_with_a_record_does_not(provider: Redis, make: Maker) -> None:
    theirs = make.record("theirs", make.scope("bob"))
    await provider.put([theirs])
    assert list(await provider.put([make.record("mine", id=theirs.id, version=9), make.record()])) == [False, True]
    assert await one(provider, theirs) == theirs


@pytest.mark.parametrize("protected", [True, False], ids=["as it is", "without the second look"])
async def test_who_loses_an_id_before_writing_takes_the_record_back(
    protected: bool, provider: Redis, make: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = make.record("mine")
    theirs = make.record("theirs", make.scope("bob"), id=mine.id)
    Between(provider, "put", lambda: provider.put([theirs]))
    if not protected:
        kept = Claims.confirm

        async def blind(self: Claims, owner: Any, parts: bytes, now: int, wanted: Any) -> list[bytes]:
            told = await kept(self, owner, parts, now, wanted)
            return [b""] * len(told) if owner.scope == mine.scope else told

        monkeypatch.setattr(Claims, "confirm", blind)
    stored = list(await provider.put([mine]))
    found = await scanned(provider, everything(make.tenant))
    assert (stored, found) == (([False], [theirs]) if protected else ([True], [theirs, mine]))


async def test_a_delete_that_comes_in_between_leaves_the_new_record_its_claim(provider: Redis, make: Maker) -> None:
    old = make.record("old")
    new = make.record("new", id=old.id, version=2)
    await provider.put([old])
    Between(provider, "delete", lambda: provider.put([new]), after=True)
    assert await provider.delete(Reach.only(old.scope), [old.id]) == 1
    assert list(await provider.get(everything(make.tenant), [new.id])) == [new]
    assert list(await provider.put([make.record("theirs", make.scope("bob"), id=new.id, version=9)])) == [False]


async def test_a_scope_that_is_written_while_it_is_forgotten_stays_in_the_index(provider: Redis, make: Maker) -> None:
    first, second = make.record("first"), make.record("second")
    await provider.put([first])
    await provider.delete(Reach.only(first.scope), [first.id])
    Between(provider, "forget", lambda: provider.put([second]))
    assert await scanned(provider, everything(make.tenant)) == []
    assert await scanned(provider, everything(make.tenant)) == [second]


async def test_a_scope_that_is_empty_leaves_the_index(provider: Redis, make: Maker, keys: Keys) -> None:
    records = [make.record(scope=make.scope(f"u{n}")) for n in range(5)]
    await provider.put(records)
    await provider.delete(everything(make.tenant), [each.id for each in records])
    assert await scanned(provider, everything(make.tenant)) == []
    assert [key.rpartition("}")[2] for key in await keys()] == [":stamps"]


async def test_a_session_keeps_its_newest_and_gives_up_the_ids_of_the_rest(
    url: str, prefix: str, clock: Time, make: Maker, keys: Keys, raw: Any
) -> None:
    scope = make.scope("ann", run="s1")
    messages = [make.record(f"#{n}", scope, kind=Kind.MESSAGE) for n in range(12)]
    async with AsyncExitStack() as stack:
        provider = await opened(stack, url, prefix, clock, max_messages=5, ttl_seconds=3600)
        for message in messages:
            assert list(await provider.put([message])) == [True]
        where = Where(frozenset({Kind.MESSAGE}))
        assert await scanned(provider, Reach.only(scope), where, order=Order.OLDEST) == messages[-5:]
    names = await keys()
    assert len([key for key in names if ":id:" in key]) == 5
    assert {0 < await raw.ttl(key) <= 3_600 for key in names if "}:messages" in key or "}:session:" in key} == {True}
