"""One collection for all: how it is made, what makes it unfit, and what a person finds in it."""

import asyncio
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from qdrant_client import AsyncQdrantClient, models

from gateway.domain.errors import Misconfigured
from gateway.domain.ports import Provider
from gateway.domain.scope import Reach, Scope
from gateway.providers.qdrant import Qdrant
from gateway.testing.making import MEMORIES, Maker, one, unit
from tests.servers.qdrant import Server

from .conftest import DIMENSION, Opened


@pytest.fixture
async def client(server: Server) -> AsyncQdrantClient:
    return AsyncQdrantClient(url=server.url, check_compatibility=False)


async def test_an_embedder_of_another_size_is_refused_with_both_sizes(opened: Opened) -> None:
    async with opened(8):
        pass
    with pytest.raises(Misconfigured, match="holds vectors of 8 numbers, and the embedder gives 16"):
        async with opened(16):
            pass
    async with opened(8):
        pass


async def test_vectors_may_come_later(opened: Opened, make: Maker) -> None:
    before, after = make.record("tea"), make.record(vector=make.vector(DIMENSION))
    early = make.record(vector=make.vector(DIMENSION))
    async with opened(None) as provider:
        await provider.put([before, early])
        assert await provider.nearest(Reach.only(early.scope), early.vector or b"", MEMORIES, 5) == []
    async with opened(DIMENSION) as provider:
        await provider.put([after])
        assert [await one(provider, each) for each in (before, early, after)] == [before, early, after]
        near = await provider.nearest(Reach.only(after.scope), after.vector or b"", MEMORIES, 5)
        assert [hit.record.id for hit in near] == [after.id]


async def test_a_vector_of_another_length_comes_back_and_is_never_near(provider: Qdrant, make: Maker) -> None:
    odd = make.record(vector=unit([1.0] * 3))
    await provider.put([odd])
    assert await one(provider, odd) == odd
    for query in (odd.vector or b"", unit([1.0] * DIMENSION)):
        assert await provider.nearest(Reach.only(odd.scope), query, MEMORIES, 5) == []


async def test_a_collection_of_others_is_refused(opened: Opened, collection: str, client: AsyncQdrantClient) -> None:
    await client.create_collection(collection, models.VectorParams(size=8, distance=models.Distance.COSINE))
    with pytest.raises(Misconfigured, match="was not made by this gateway"):
        async with opened():
            pass


async def test_a_collection_that_compares_otherwise_is_refused(
    opened: Opened, collection: str, client: AsyncQdrantClient
) -> None:
    words = {"words": models.SparseVectorParams(modifier=models.Modifier.IDF)}
    dense = {"dense": models.VectorParams(size=8, distance=models.Distance.EUCLID)}
    await client.create_collection(collection, dense, words)
    with pytest.raises(Misconfigured, match="compares by Euclid, and Dot or Cosine is needed"):
        async with opened():
            pass


@pytest.mark.usefixtures("provider")
async def test_scopes_are_indexed_as_tenants(collection: str, client: AsyncQdrantClient) -> None:
    schema = (await client.get_collection(collection)).payload_schema
    assert isinstance(schema["scope"].params, models.KeywordIndexParams) and schema["scope"].params.is_tenant
    assert {"tenant", "kind", "space", "user_id", "agent_id", "run_id", "created", "expires"} < schema.keys()


async def test_the_engine_itself_takes_the_index_for_a_tenant_s(
    provider: Qdrant, make: Maker, collection: str, client: AsyncQdrantClient
) -> None:
    await provider.put([make.record()])
    found = (await client.get_collection(collection)).payload_schema["scope"]
    assert found.points == 1
    assert isinstance(found.params, models.KeywordIndexParams) and found.params.is_tenant


async def test_tenants_bring_no_collections(provider: Qdrant, make: Maker, client: AsyncQdrantClient) -> None:
    async def there() -> set[str]:
        return {each.name for each in (await client.get_collections()).collections}

    before = await there()
    await provider.put([make.record(scope=Scope(f"tenant-{n}", "default", "ann")) for n in range(50)])
    assert await there() == before


async def test_a_person_can_read_what_is_kept(
    provider: Qdrant, make: Maker, collection: str, client: AsyncQdrantClient
) -> None:
    await provider.put([make.record("likes tea", make.scope("ann", agent="support"), metadata={"topic": "tea"})])
    points, _ = await client.scroll(collection)
    payload = points[0].payload or {}
    assert payload.items() >= {
        "content": "likes tea", "user_id": "ann", "agent_id": "support", "tenant": make.tenant, "kind": "memory",
        "metadata": {"topic": "tea"}, "version": 1,
    }.items()  # fmt: skip


async def test_one_id_of_two_tenants_is_two_points(provider: Qdrant, make: Maker) -> None:
    mine = make.record("mine")
    theirs = make.record("theirs", Scope(make.tenant + "0", "default", "ann"), id=mine.id)
    assert list(await provider.put([mine, theirs])) == [True, True]
    assert [await one(provider, each) for each in (mine, theirs)] == [mine, theirs]


async def test_numbers_that_qdrant_would_round_are_kept_exactly(provider: Qdrant, make: Maker) -> None:
    record = make.record(metadata={"n": 123456789.123456789, "big": 2**60, "deep": [{"x": 0.1 + 0.2}]})
    await provider.put([record])
    assert await one(provider, record) == record


async def test_several_gateways_may_start_at_once(opened: Opened) -> None:
    async def start() -> None:
        async with opened() as provider:
            assert isinstance(provider, Provider)

    await asyncio.gather(*(start() for _ in range(5)))


class _Older(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = b'{"title": "qdrant - vector search engine", "version": "1.15.4"}'
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 -- the name of who calls
        """Nothing."""


@pytest.fixture
def older() -> Iterator[str]:
    serving = HTTPServer(("127.0.0.1", 0), _Older)
    thread = threading.Thread(target=serving.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{serving.server_port}"
    serving.shutdown()
    thread.join()
    serving.server_close()


async def test_an_older_server_is_refused_with_both_versions(opened: Opened, older: str) -> None:
    with pytest.raises(Misconfigured, match=r"Qdrant is 1\.15\.4, and 1\.19 or newer is needed"):
        async with opened(url=older):
            pass
