"""Qdrant itself decides what a put may replace; filters reach it; what it refuses is told without contents."""

import asyncio
from collections.abc import Iterable, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import Any

import pytest
from qdrant_client import AsyncQdrantClient, models

from gateway.domain.errors import DeadlineExceeded, Unavailable
from gateway.domain.filters import All, Compare
from gateway.domain.ports import Scan, Where
from gateway.domain.record import Kind, Record
from gateway.domain.scope import Reach
from gateway.providers.qdrant import Qdrant, points
from gateway.providers.qdrant.connection import Served
from gateway.providers.qdrant.turns import Turns
from gateway.testing.making import MEMORIES, Maker, everything, one, scanned
from tests.servers import free_port
from tests.servers.qdrant import Server

from .conftest import Opened


async def raced(opened: Opened, make: Maker) -> list[int]:
    """For each of many ids: how many of four gateways were told that theirs is the one stored version."""
    async with opened() as a, opened() as b, opened() as c, opened() as d:
        wins: list[int] = []
        for _ in range(20):
            first = make.record()
            rivals = [make.record(f"{n}", id=first.id) for n in range(4)]
            answers = await asyncio.gather(*(each.put([r]) for each, r in zip((a, b, c, d), rivals, strict=True)))
            wins.append(sum(stored for (stored,) in answers))
            assert await one(a, first) in rivals
        return wins


async def test_of_gateways_that_write_the_same_version_one_wins(opened: Opened, make: Maker) -> None:
    assert await raced(opened, make) == [1] * 20


def anything(_records: Sequence[Record], _now: int) -> models.Filter:
    """The condition that keeps nothing."""
    return models.Filter(must=[])


async def test_without_the_condition_gateways_overwrite_each_other(
    opened: Opened, make: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(points, "replaceable", anything)
    mine = make.record("mine", version=5)
    theirs = make.record("theirs", make.scope("bob"), id=mine.id)
    async with opened() as provider:
        await provider.put([mine])
        await provider.put([theirs])
        assert await one(provider, mine) is None


async def test_without_taking_turns_a_process_loses_track_of_what_it_stored(
    opened: Opened, make: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With turns, each newer version that comes after an older one is told as stored."""

    async def stored(provider: Qdrant) -> int:
        first = make.record()
        rising = [make.record(f"{n}", id=first.id, version=n) for n in range(1, 21)]
        answers = await asyncio.gather(*(provider.put([each]) for each in rising))
        return sum(answer for (answer,) in answers)

    async with opened() as provider:
        assert await stored(provider) == 20
        monkeypatch.setattr(Turns, "of", at_once)
        assert await stored(provider) < 20


async def test_what_expired_in_another_scope_gives_way(provider: Qdrant, make: Maker, clock: Any) -> None:
    old = make.record("old", version=9, ttl=5)
    await provider.put([old])
    clock.forward(seconds=6)
    new = make.record("new", make.scope("bob"), id=old.id)
    assert list(await provider.put([new])) == [True]
    assert await scanned(provider, everything(make.tenant)) == [new]


def at_once(_turns: Turns, _ids: Iterable[str]) -> AbstractAsyncContextManager[None]:
    """Turns that nobody waits for."""
    return nullcontext()


class Spied:
    """What is asked of the connection."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.asked: list[tuple[str, dict[str, Any]]] = []
        real = Served.ask

        async def ask(connection: Served, verb: str, **given: Any) -> Any:
            self.asked.append((verb, given))
            return await real(connection, verb, **given)

        monkeypatch.setattr(Served, "ask", ask)


async def test_filters_are_tested_by_qdrant_where_it_can(
    provider: Qdrant, make: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ten of a thousand records pass, and ten come over the network."""
    await provider.put([make.record(metadata={"category": "a" if n % 100 == 0 else "b", "n": n}) for n in range(1000)])
    spied = Spied(monkeypatch)
    where = Where(
        frozenset({Kind.MEMORY}), All((Compare("eq", "a", path=("category",)), Compare("gte", 0, path=("n",))))
    )
    page = await provider.scan(Reach.only(make.scope()), Scan(where=where, limit=100))
    assert len(page.records) == 10
    assert len(spied.asked) == 1
    assert "metadata.category" in repr(spied.asked[0][1]["scroll_filter"])


async def test_every_write_waits_until_it_is_done(
    provider: Qdrant, make: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    spied = Spied(monkeypatch)
    record = make.record()
    await provider.put([record])
    await provider.delete(Reach.only(record.scope), [record.id])
    writes = [given for verb, given in spied.asked if verb in ("upsert", "delete")]
    assert len(writes) == 2
    assert all(given["wait"] is True and given["ordering"] is models.WriteOrdering.STRONG for given in writes)


@pytest.mark.filterwarnings("ignore:Api key is used with an insecure connection")
async def test_a_server_that_is_not_there_is_unavailable_without_its_address(opened: Opened) -> None:
    with pytest.raises(Unavailable) as refused:
        async with opened(url=f"http://127.0.0.1:{free_port()}", api_key="hunter2"):
            pass
    assert refused.value.code == "qdrant_unreachable"
    assert "127.0.0.1" not in refused.value.detail and "hunter2" not in refused.value.detail


async def test_a_server_that_does_not_answer_is_given_up_in_time(opened: Opened) -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    async with await asyncio.start_server(silent, "127.0.0.1", 0) as serving:
        port = serving.sockets[0].getsockname()[1]
        before = asyncio.get_running_loop().time()
        with pytest.raises(DeadlineExceeded):
            async with opened(url=f"http://127.0.0.1:{port}", timeout="200ms"):
                pass
        assert asyncio.get_running_loop().time() - before < 2


async def test_a_collection_that_goes_away_is_told_in_words(
    provider: Qdrant, make: Maker, server: Server, collection: str
) -> None:
    await AsyncQdrantClient(url=server.url, check_compatibility=False).delete_collection(collection)
    for verb in (provider.put([make.record()]), provider.scan(everything("t"), Scan(where=MEMORIES, limit=1))):
        with pytest.raises(Unavailable, match="does not have the collection any more"):
            await verb


async def test_a_ping_is_answered(provider: Qdrant) -> None:
    await provider.ping()
