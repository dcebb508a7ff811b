"""What is nearest among thousands, within a scope and a filter: held against all cosines, with Qdrant's graphs built."""

import asyncio
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from qdrant_client import models

from gateway.domain.filters import Compare
from gateway.domain.ports import Where
from gateway.domain.record import Kind, Record
from gateway.domain.scope import Reach
from gateway.providers.qdrant.collection import Collection
from gateway.testing.making import MEMORIES, Maker, cosine, everything
from tests.servers.qdrant import Server

from .conftest import Opened

DIMENSION = 32
_FEW = Where(frozenset({Kind.MEMORY}), Compare("eq", "rare", path=("topic",)))
_FEWER = Where(frozenset({Kind.MEMORY}), Compare("icontains", "NOTE 77", field="text"))  # not known to Qdrant


def right(found: list[Record], among: list[Record], query: bytes) -> float:
    """The part of the true nearest that was found."""
    oracle = sorted(among, key=lambda each: -cosine(each.vector or b"", query))[: len(found)]
    return len({each.id for each in found} & {each.id for each in oracle}) / max(1, len(oracle))


async def test_the_nearest_of_thousands_are_found_within_scope_and_filter(opened: Opened, make: Maker) -> None:
    users = [f"u{n}" for n in range(8)]
    records = [
        make.record(
            f"note {n}", make.scope(users[n % 8]), vector=make.vector(DIMENSION),
            metadata={"topic": "rare" if n % 50 < 8 else "common"},
        )
        for n in range(4000)
    ]  # fmt: skip
    async with opened(DIMENSION) as provider:
        for start in range(0, len(records), 1000):
            await provider.put(records[start : start + 1000])
        for user in users[:2]:
            mine = [each for each in records if each.scope.user == user]
            for where, passing in (
                (MEMORIES, mine),
                (_FEW, [each for each in mine if each.metadata["topic"] == "rare"]),
                (_FEWER, [each for each in mine if "note 77" in each.text]),
            ):
                query = make.vector(DIMENSION)
                hits = await provider.nearest(Reach.only(make.scope(user)), query, where, 10)
                assert len(hits) == min(10, len(passing)) > 0
                assert right([hit.record for hit in hits], passing, query) == 1.0
        query = make.vector(DIMENSION)
        wide = await provider.nearest(everything(make.tenant), query, _FEW, 10)
        assert right([hit.record for hit in wide], [r for r in records if r.metadata["topic"] == "rare"], query) == 1.0


# Opens the shard of a server that does not run, and builds what the collection was made for: no graph over all points,
# one for each scope and each tenant. Up to 256 vectors of 128 bytes are compared one by one, as a server does with 10 MB.
BUILD = """
import sys
from qdrant_edge import (
    Distance, EdgeConfig, EdgeOptimizersConfig, EdgeShard, EdgeSparseVectorParams, EdgeVectorParams, HnswIndexConfig,
    Modifier,
)
graphs = HnswIndexConfig(m=0, ef_construct=100, full_scan_threshold=32, payload_m=16)
eager = EdgeOptimizersConfig(indexing_threshold=1, default_segment_number=1)
kept = {"dense": EdgeVectorParams(32, Distance.Dot)}, {"words": EdgeSparseVectorParams(modifier=Modifier.Idf)}
shard = EdgeShard.load(sys.argv[1], EdgeConfig(*kept, hnsw_config=graphs, optimizers=eager))
shard.optimize()
print(shard.info().indexed_vectors_count)
shard.close()
"""


async def test_graphs_of_scopes_find_what_comparing_with_all_finds(
    opened: Opened, make: Maker, server: Server, collection: str
) -> None:
    users = [f"u{n}" for n in range(3)]
    records = [
        make.record(scope=make.scope(users[n % 3]), vector=make.vector(DIMENSION), metadata={"n": n % 10})
        for n in range(1500)
    ]
    async with opened(DIMENSION) as provider:
        for start in range(0, len(records), 1000):
            await provider.put(records[start : start + 1000])
    server.stop()
    shard = server.home / collection / "shard"
    built = await asyncio.to_thread(
        subprocess.run, [sys.executable, "-c", BUILD, str(shard)], capture_output=True, text=True, check=False
    )
    server.start()
    assert built.returncode == 0, built.stderr
    assert int(built.stdout) == 2 * len(records)  # their words, too
    where = Where(frozenset({Kind.MEMORY}), Compare("eq", 3, path=("n",)))
    found: dict[bool, list[float]] = {}
    for exact in (False, True):
        async with opened(DIMENSION, exact=exact) as provider:
            for test, passing in ((MEMORIES, records), (where, [r for r in records if r.metadata["n"] == 3])):
                for user in users:
                    mine = [each for each in passing if each.scope.user == user]
                    query = make.vector(DIMENSION)
                    hits = await provider.nearest(Reach.only(make.scope(user)), query, test, 10)
                    assert len(hits) == 10
                    found.setdefault(exact, []).append(right([hit.record for hit in hits], mine, query))
    assert np.mean(found[True]) == 1.0
    assert np.mean(found[False]) >= 0.9


async def test_what_a_graph_leads_to_too_little_of_is_asked_for_without_it(
    opened: Opened, make: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Graphs are built by chance, and now and then most of a scope cannot be reached in one: here never more than one."""
    query, fused, mine = Collection.query, Collection.fused, Reach.only(make.scope())

    async def queried(self: Collection, *given: Any) -> list[models.ScoredPoint]:
        found, params = await query(self, *given), given[3]
        return found if params.exact or params.idf else found[:1]

    async def mixed(self: Collection, prefetch: list[models.Prefetch], limit: int) -> list[models.ScoredPoint]:
        found = await fused(self, prefetch, limit)
        return found if any(each.params and each.params.exact for each in prefetch) else found[:1]

    monkeypatch.setattr(Collection, "query", queried)
    monkeypatch.setattr(Collection, "fused", mixed)
    records = [make.record("green tea", vector=make.vector(DIMENSION)) for _ in range(30)]
    async with opened(DIMENSION) as provider:
        await provider.put(records)
        assert len(await provider.nearest(mine, make.vector(DIMENSION), MEMORIES, 10)) == 10
        assert len(await provider.nearest(mine, make.vector(DIMENSION), MEMORIES, 1)) == 1
        assert len(await provider.fused(mine, make.vector(DIMENSION), ["tea"], MEMORIES, 10)) == 10
