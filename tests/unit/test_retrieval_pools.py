"""Pools kept between searches: never stale, never too many, gone when forgotten."""

import asyncio
from datetime import timedelta

import pytest

from gateway.domain.scope import Reach, Scope
from gateway.retrieval.pool import Pool
from gateway.retrieval.pools import Key, Pools
from gateway.retrieval.recall import Recaller
from tests.unit.retrieval_cases import HYBRID, KINDS, LEXICAL, NOW, REACH, ask, ids, record, source, stored

KEY = Key("case", REACH, KINDS)


def pool_of(*texts: str) -> Pool:
    return Pool([record(n, text) for n, text in enumerate(texts)])


async def test_the_second_search_reads_nothing() -> None:
    provider = await stored([record(1, "pizza")])
    recaller = Recaller(source(provider))
    first = await recaller.recall(REACH, ask("pizza"), HYBRID)
    second = await recaller.recall(REACH, ask("pizza"), HYBRID)
    assert (first.sources, second.sources, len(provider.scans)) == (("whole",), ("cached",), 1)


@pytest.mark.parametrize("validated", [True, False], ids=["validated", "switched off"])
async def test_a_kept_pool_is_never_stale_as_long_as_it_is_validated(validated: bool) -> None:
    provider = await stored([record(1, "pizza"), record(2, "pizza too")])
    recaller = Recaller(source(provider, pools=Pools(validated=validated)))
    await recaller.recall(REACH, ask("pizza"), LEXICAL)
    await provider.put([record(3, "pizza three")])
    await provider.delete(REACH, [record(1, "").id])
    found = set(ids((await recaller.recall(REACH, ask("pizza"), LEXICAL)).hits))
    assert found == ({2, 3} if validated else {1, 2})


async def test_a_changed_record_is_found_by_its_new_text() -> None:
    provider = await stored([record(1, "pizza")])
    recaller = Recaller(source(provider))
    await recaller.recall(REACH, ask("pizza"), LEXICAL)
    await provider.put([record(1, "tennis", version=2)])
    assert ids((await recaller.recall(REACH, ask("tennis"), LEXICAL)).hits) == [1]
    assert ids((await recaller.recall(REACH, ask("pizza"), LEXICAL)).hits) == []


async def test_concurrent_first_searches_read_the_scope_once() -> None:
    provider = await stored([record(n, "pizza") for n in range(20)])
    recaller = Recaller(source(provider))
    found = await asyncio.gather(*(recaller.recall(REACH, ask("pizza"), HYBRID) for _ in range(10)))
    assert len(provider.scans) == 1
    assert len({tuple(ids(each.hits)) for each in found}) == 1


def test_the_bound_is_in_bytes_and_the_least_used_go_first() -> None:
    sample = pool_of("x" * 10_000)
    pools = Pools(int(sample.footprint() * 2.5))
    keys = [Key(name, REACH, KINDS) for name in "abc"]
    pools.keep(keys[0], b"1", sample, pools.era)
    pools.keep(keys[1], b"1", sample, pools.era)
    assert pools.find(keys[0], b"1") is sample
    pools.keep(keys[2], b"1", sample, pools.era)
    assert [pools.find(key, b"1") is sample for key in keys] == [True, False, True]
    assert pools.bytes == 2 * sample.footprint()
    pools.keep(keys[1], b"1", pool_of("x" * 1_000_000), pools.era)
    assert (pools.count, pools.find(keys[1], b"1")) == (2, None)


@pytest.mark.parametrize(
    ("erased", "gone"),
    [
        (Reach.only(Scope("acme", "default", "alice")), True),
        (Reach("acme", None, "alice", None, None), True),
        (Reach("acme", None, None, None, None), True),
        (Reach("acme", None, "alic", None, None), False),
        (Reach("acme", "other", "alice", "", ""), False),
        (Reach("acme", "default", "alice", "helper", ""), False),
        (Reach("acme2", None, None, None, None), False),
    ],
)
def test_forgetting_drops_what_the_reach_covers_and_nothing_else(erased: Reach, gone: bool) -> None:
    pools = Pools()
    pools.keep(KEY, b"1", pool_of("a"), pools.era)
    assert pools.forget(erased) == int(gone)
    assert (pools.find(KEY, b"1") is None) == gone
    assert (pools.bytes == 0) == gone


def test_forgetting_a_user_drops_wider_pools_that_hold_that_user() -> None:
    pools = Pools()
    wide = Key("case", Reach("acme", "default", None, None, None), KINDS)
    pools.keep(wide, b"1", pool_of("a"), pools.era)
    assert pools.forget(REACH) == 1


def test_a_load_that_was_under_way_while_something_was_forgotten_is_not_kept() -> None:
    pools = Pools()
    era = pools.era
    pools.forget(REACH)
    pools.keep(KEY, b"1", pool_of("a"), era)
    assert pools.count == 0
    pools.keep(KEY, b"1", pool_of("a"), pools.era)
    assert pools.count == 1


def test_that_a_scope_is_large_is_remembered_for_a_while_and_for_its_bound() -> None:
    pools = Pools()
    pools.note_exceeds(KEY, 1_000, NOW)
    assert pools.exceeds(KEY, 1_000, NOW + timedelta(seconds=59))
    assert pools.exceeds(KEY, 500, NOW)
    assert not pools.exceeds(KEY, 2_000, NOW)
    assert not pools.exceeds(KEY, 1_000, NOW + timedelta(seconds=60))
    pools.forget(REACH)
    assert not pools.exceeds(KEY, 1_000, NOW)


async def test_a_pool_above_another_routes_bound_is_not_used_there() -> None:
    provider = await stored([record(n, "pizza") for n in range(300)])
    pools = Pools()
    await Recaller(source(provider, pools=pools)).recall(REACH, ask("pizza"), HYBRID)
    found = await Recaller(source(provider, pools=pools, exhaustive=250)).recall(REACH, ask("pizza"), LEXICAL)
    assert found.sources == ("matching", "newest")


async def test_turns_leave_nothing_behind() -> None:
    pools = Pools()

    async def once() -> None:
        async with pools.turn(KEY):
            await asyncio.sleep(0)

    await asyncio.gather(*(once() for _ in range(5)))
    cancelled = asyncio.create_task(once())
    await asyncio.sleep(0)
    cancelled.cancel()
    await asyncio.gather(cancelled, return_exceptions=True)
    assert pools._turns == {}  # pyright: ignore[reportPrivateUsage]
