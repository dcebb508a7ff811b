"""The same store called from the same process: what is left when HTTP and the services are taken away.

    python -m bench.direct CONFIG        reads one Task a line, as JSON, and writes one Measured a line

Adds embed a text and put the record; searches go through the route's Recaller. As many at a time as the other side
has connections.
"""

import asyncio
import os
import sys
import time
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Final, Literal

import msgspec
import uvloop

from bench.load import Measured, measured
from bench.words import QUERIES, SEARCHED, TEXTS, metadata
from gateway.config.catalog import Catalog
from gateway.config.compiler import compile_config
from gateway.domain.ids import Mint
from gateway.domain.record import Kind, Record
from gateway.domain.scope import Reach, Scope
from gateway.embedders.tokens import load_counter
from gateway.retrieval.ask import Ask
from gateway.retrieval.pools import Pools
from gateway.runtime.bound import BoundRoute
from gateway.runtime.build import build
from gateway.runtime.instances import Instances
from gateway.runtime.meters import Meters
from gateway.runtime.tenancy import Means

TENANT: Final = "bench"
KINDS: Final = frozenset({Kind.MEMORY})


class Task(msgspec.Struct, frozen=True):
    operation: Literal["fill", "add", "search"]
    concurrency: int
    seconds: float


class Direct:
    """The store behind one route."""

    def __init__(self, route: BoundRoute) -> None:
        self._route = route
        self._numbers = count()

    async def add(self, user: str, text: str) -> None:
        route = self._route
        stamp = route.mint.stamp()
        vector = (await route.embedder.embed([text]))[0] if route.embedder else None
        record = Record(
            id=stamp.id,
            kind=Kind.MEMORY,
            scope=Scope(TENANT, "default", user),
            text=text,
            metadata=metadata(),
            created_at=stamp.at,
            updated_at=stamp.at,
            vector=vector,
        )
        await route.provider.put([record])

    async def search(self, user: str, query: str) -> None:
        settings = self._route.config.layer.retrieval
        ask = Ask(
            query=query,
            kinds=KINDS,
            top_k=settings.top_k,
            min_relevance=settings.min_relevance,
            now=self._route.mint.now(),
        )
        reach = Reach(TENANT, "default", user, agent=None, run=None)  # what a request that names its user reaches
        await self._route.recaller.recall(reach, ask, self._route.strategy(None))

    async def one(self, operation: str) -> None:
        number = next(self._numbers)
        if operation == "search":
            await self.search(SEARCHED[number % len(SEARCHED)], QUERIES[number % len(QUERIES)])
        else:
            await self.add(f"u{number % 64}", TEXTS[number % len(TEXTS)])


async def perform(direct: Direct, task: Task) -> Measured:
    latencies: list[float] = []
    started, processor = time.perf_counter(), time.process_time()

    async def repeat() -> None:
        while (begun := time.perf_counter()) < started + task.seconds:
            await direct.one(task.operation)
            latencies.append(time.perf_counter() - begun)

    await asyncio.gather(*(repeat() for _ in range(task.concurrency)))
    return measured(latencies, time.perf_counter() - started, time.process_time() - processor)


async def fill(direct: Direct) -> Measured:
    """The records that searches look through: those that the other side was given over HTTP."""
    started = time.perf_counter()
    for user in SEARCHED:
        for text in TEXTS:
            await direct.add(user, text)
    return measured([0.0], time.perf_counter() - started, 0.0)


async def serve(config: Path) -> None:
    compiled = compile_config(config, os.environ, Catalog.installed()).config
    if compiled is None:
        raise SystemExit("the configuration is not one")
    means = Means(
        clock=_now,
        mint=Mint(_now, os.urandom),
        meters=Meters(),
        instances=Instances(),
        pools=Pools(),
        count_tokens=load_counter(),
        cursor_key=os.urandom(32),
    )
    snapshot = (await build(compiled, means, generation=1)).snapshot
    direct = Direct(snapshot.tenants[TENANT].routes["everything"])
    try:
        while line := await asyncio.to_thread(sys.stdin.buffer.readline):
            task = msgspec.json.decode(line, type=Task)
            done = await (fill(direct) if task.operation == "fill" else perform(direct, task))
            sys.stdout.buffer.write(msgspec.json.encode(done) + b"\n")
            sys.stdout.buffer.flush()
    finally:
        await snapshot.close()


def _now() -> datetime:
    return datetime.now(UTC)


if __name__ == "__main__":
    uvloop.run(serve(Path(sys.argv[1])))
