"""The library over stores that are servers: the same records, the same search, the same erasure."""

from collections.abc import AsyncIterator, Generator, Iterator, Mapping
from contextlib import AsyncExitStack, contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from gateway.domain.ports import Where
from gateway.domain.record import Kind
from gateway.domain.scope import Reach
from gateway.providers.mem0 import Mem0
from gateway.testing import hostile
from gateway.testing.making import MEMORIES, Maker, Time, everything, one, scanned
from tests.servers import Absent, given
from tests.servers.openai import DIMENSION, mem0_block
from tests.servers.postgres import postgres

from .opening import Opened, opening, options, way_of


@contextmanager
def qdrant(_home: Path) -> Generator[Mapping[str, str]]:
    """A real one alone: mem0 uses vectors without a name, which the stand-in of these tests does not have."""
    named = given("QDRANT")
    if not named:
        raise Absent("no Qdrant server; set GATEWAY_TEST_QDRANT_URL")
    yield {"url": named}


SERVERS = {"pgvector": postgres, "qdrant": qdrant}


@pytest.fixture(scope="module", params=list(SERVERS))
def store_block(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """The `vector_store` block for a server."""
    try:
        with SERVERS[request.param](tmp_path_factory.mktemp(request.param)) as told:
            yield {"provider": request.param, "config": _settings(request.param, told)}
    except Absent as missing:
        pytest.skip(f"absent: {missing}")


def _settings(name: str, told: Mapping[str, str]) -> dict[str, Any]:
    common = {"collection_name": "memories", "embedding_model_dims": DIMENSION}
    if name == "pgvector":
        if find_spec("psycopg_pool") is None:
            raise Absent("pip install 'psycopg[binary,pool]'")
        return {**common, "connection_string": f"postgresql://{told['authority']}"}
    at = urlsplit(told["url"])
    return {**common, "host": at.hostname, "port": at.port}


@pytest.fixture
def opened(store_block: dict[str, Any], model: str, tmp_path: Path, clock: Time) -> Opened:
    block = {**mem0_block(model, "unused", "unused"), "vector_store": store_block}
    return lambda: opening(options(config=block), tmp_path, clock)


@pytest.fixture
async def mem0(opened: Opened) -> AsyncIterator[Mem0]:
    async with opened() as provider:
        yield provider


async def test_records_come_back_as_they_were_put(mem0: Mem0, make: Maker) -> None:
    records = [
        make.record(
            text, make.scope("ann", run=f"r{n}"), metadata=metadata, body=b'{"a": "\\u0000"}', role="user", ttl=99
        )
        for n, (text, metadata) in enumerate(zip(hostile.TEXTS, [*hostile.METADATA] * 3, strict=False))
    ]
    assert all(await mem0.put(records))
    for record in records:
        assert await one(mem0, record) == record
    assert await scanned(mem0, everything(make.tenant), limit=7) == records[::-1]
    assert await scanned(mem0, Reach(make.tenant, "default", "ann", "", "r1")) == [records[1]]


async def test_a_newer_version_replaces_and_an_older_one_does_not(mem0: Mem0, make: Maker) -> None:
    first = make.record("lives in Lisbon")
    second = make.record("lives in Porto", id=first.id, version=2)
    assert [*await mem0.put([first]), *await mem0.put([second]), *await mem0.put([first])] == [True, True, False]
    assert await scanned(mem0, Reach.only(first.scope)) == [second]


async def test_hostile_scopes_are_told_apart(mem0: Mem0, make: Maker) -> None:
    records = [make.record(f"of {n}", make.scope(value)) for n, value in enumerate(hostile.IDS)]
    await mem0.put(records)
    for record in records:
        assert await scanned(mem0, Reach.only(record.scope)) == [record]


async def test_search_learning_and_erasure_are_the_same(opened: Opened, make: Maker) -> None:
    reach = Reach.only(make.scope())
    async with opened() as mem0:
        tea, tyre = make.record("Ann drinks green tea every morning"), make.record("Her bicycle has a flat tyre")
        await mem0.put([tyre, tea, make.record("elsewhere", make.scope("bob")), make.record("tea", kind=Kind.HISTORY)])
        hits = await mem0.relevant(reach, "what beverage does she have at breakfast", MEMORIES, 5)
        assert hits[0].record == tea and 0 <= hits[-1].score <= hits[0].score <= 1
        (learned,) = await mem0.extract([make.record("I moved to Lisbon.", role="user")], wait=True)
        assert list(await mem0.extract([make.record("I moved to Lisbon.", role="user")], wait=True)) == []
        found = await scanned(mem0, reach)
        assert {each.id for each in found} == {tea.id, tyre.id, learned.id}
        assert await mem0.delete(reach, [each.id for each in found]) == 3
    async with opened() as mem0:
        assert await scanned(mem0, reach) == []
        assert list(await mem0.relevant(reach, "tea", MEMORIES, 5)) == []
        assert len(await scanned(mem0, everything(make.tenant))) == 1


async def test_what_expired_is_swept(mem0: Mem0, make: Maker, clock: Time) -> None:
    await mem0.put([make.record(), *make.records(3, ttl=5)])
    clock.forward(seconds=6)
    assert await mem0.sweep(100) == 3
    assert len(await way_of(mem0).listed(everything(make.tenant), Kind.MEMORY)) == 1


async def test_two_gateways_see_each_others_records(opened: Opened, make: Maker) -> None:
    async with AsyncExitStack() as stack:
        first, second = [await stack.enter_async_context(opened()) for _ in range(2)]
        record = make.record()
        await first.put([record])
        assert await one(second, record) == record
        assert list(await second.put([make.record("taken", make.scope("bob"), id=record.id, version=9)])) == [False]
        where = Where(frozenset({Kind.MEMORY}))
        assert await second.delete(Reach.only(record.scope), [record.id]) == 1
        assert await scanned(first, Reach.only(record.scope), where) == []
