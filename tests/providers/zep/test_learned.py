"""What Zep has learned, as memories: with their times, of their scope, found by meaning, and gone with what they rest on."""

from datetime import timedelta

import pytest

from gateway.domain.filters import Compare
from gateway.domain.ports import Where
from gateway.domain.record import Kind
from gateway.domain.scope import Reach
from gateway.testing.making import MEMORIES, Maker, Time, scanned
from tests.providers.zep.places import Seen, Server, opened

CURRENT = Where(frozenset({Kind.MEMORY}), Compare("exists", False, path=("invalid_at",)))


async def test_a_paraphrase_finds_the_memory_first(server: Server, prefix: str, make: Maker, clock: Time) -> None:
    texts = ("The invoice is due on Friday", "Ann drinks green tea every morning", "The train to Bergen was late")
    records = [make.record(text) for text in texts]
    async with opened(server, prefix, clock, wait=True) as provider:
        await provider.put(records)
        hits = await provider.relevant(
            Reach.only(make.scope()), "which beverage does she have at breakfast", MEMORIES, 3
        )
        assert hits[0].record == records[1]
        assert all(0 <= hit.score <= 1 for hit in hits)
        assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)


async def test_a_search_is_filtered_and_bounded_and_of_one_scope(
    server: Server, prefix: str, make: Maker, clock: Time
) -> None:
    mine = [make.record("green tea", metadata={"n": n}, ttl=100 if n == 0 else None) for n in range(6)]
    said = make.record("green tea", kind=Kind.MESSAGE)
    session = make.record("green tea", make.scope(run="r"))
    reach = Reach.only(make.scope())
    async with opened(server, prefix, clock, wait=True, reranker="rrf") as provider:
        await provider.put([*mine, said, session, make.record("green tea", make.scope("bob"))])
        found = await provider.relevant(reach, "tea", MEMORIES, 20)
        assert {hit.record.id for hit in found} == {each.id for each in mine}
        assert len(await provider.relevant(reach, "tea", MEMORIES, 2)) == 2
        where = Where(frozenset({Kind.MEMORY}), Compare("lt", 2, path=("n",)))
        assert {hit.record.id for hit in await provider.relevant(reach, "tea", where, 9)} == {mine[0].id, mine[1].id}
        clock.forward(seconds=101)
        assert {hit.record.id for hit in await provider.relevant(reach, "tea", where, 9)} == {mine[1].id}
        assert await provider.relevant(reach, "  ", MEMORIES, 9) == []


async def test_facts_come_back_as_memories_with_their_times(
    server: Server, prefix: str, make: Maker, clock: Time
) -> None:
    then, now = clock.now - timedelta(days=90), clock.now - timedelta(days=2)
    records = [
        make.record("Ann lives in Oslo", created_at=then),
        make.record("Ann lives in Bergen", created_at=now),
        make.record("Ann likes skiing", make.scope(run="r")),
    ]
    reach = Reach.only(make.scope())
    async with opened(server, prefix, clock, scope="edges", wait=True) as provider:
        await provider.put(records)
        hits = {
            hit.record.text: hit.record for hit in await provider.relevant(reach, "where is her home?", MEMORIES, 9)
        }
        assert hits.keys() == {"Ann lives in Oslo", "Ann lives in Bergen"}
        old, new = hits["Ann lives in Oslo"], hits["Ann lives in Bergen"]
        assert old.kind is Kind.MEMORY
        assert old.scope == make.scope()
        assert (old.metadata["source"], old.metadata["scope"]) == ("zep", "edges")
        assert (old.metadata["valid_at"], old.metadata["invalid_at"]) == (then.isoformat(), now.isoformat())
        assert "invalid_at" not in new.metadata
        found = await provider.relevant(reach, "where is her home?", CURRENT, 9)
        assert [hit.record.text for hit in found] == ["Ann lives in Bergen"]
        assert list(await provider.get(reach, [old.id, records[0].id])) == [old, records[0]]
        assert list(await provider.get(Reach.only(make.scope("bob")), [old.id])) == [None]
        listed = await scanned(provider, reach)
        assert {each.id for each in listed} == {old.id, new.id, records[0].id, records[1].id}
    async with opened(server, prefix, clock, scope="edges", expired_facts=False) as fresh:
        found = await fresh.relevant(reach, "where is her home?", MEMORIES, 9)
        assert [hit.record.text for hit in found] == ["Ann lives in Bergen"]
        assert old.id not in {each.id for each in await scanned(fresh, reach)}


async def test_entities_come_back_as_memories(server: Server, prefix: str, make: Maker, clock: Time) -> None:
    async with opened(server, prefix, clock, scope="nodes", wait=True) as provider:
        await provider.put([make.record("Ann works at Initech")])
        reach = Reach.only(make.scope())
        hit, *_ = await provider.relevant(reach, "employer Initech", MEMORIES, 5)
        assert hit.record.metadata["source"] == "zep"
        assert hit.record.metadata["name"] in ("Ann", "Initech")
        assert hit.record.text == "Ann works at Initech"
        assert list(await provider.get(reach, [hit.record.id])) == [hit.record]
        assert await provider.delete(reach, [hit.record.id]) == 1
        assert list(await provider.get(reach, [hit.record.id])) == [None]


async def test_a_deleted_record_takes_what_was_learned_from_it_along(
    server: Server, prefix: str, make: Maker, clock: Time
) -> None:
    record = make.record("Ann likes tea")
    reach = Reach.only(record.scope)
    async with opened(server, prefix, clock, scope="edges", wait=True) as provider:
        await provider.put([record, make.record("Ann likes chess")])
        assert await provider.delete(reach, [record.id]) == 1
        found = await provider.relevant(reach, "what does Ann like?", MEMORIES, 9)
        assert [hit.record.text for hit in found] == ["Ann likes chess"]


@pytest.mark.parametrize("scope", ["edges", "episodes"])
async def test_what_was_learned_is_told_and_can_be_read(
    scope: str, server: Server, prefix: str, seen: Seen, make: Maker, clock: Time
) -> None:
    said = [make.record(text, kind=Kind.MESSAGE, role="user") for text in ("Hello!", "Ann loves chess. Ann owns a dog")]
    reach = Reach.only(make.scope())
    async with opened(server, prefix, clock, scope=scope) as provider:
        learned = await provider.extract(said, wait=True)
        expected = ["Ann loves chess", "Ann owns a dog"] if scope == "edges" else [each.text for each in said]
        assert sorted(each.text for each in learned) == sorted(expected)
        assert {each.event for each in learned} == {"ADD"}
        found = await provider.get(reach, [each.id for each in learned])
        assert [each and each.text for each in found] == [each.text for each in learned]
        listed = await scanned(provider, reach)
        assert {each.id for each in listed} == {each.id for each in learned}
        assert await provider.delete(reach, [each.id for each in listed]) == len(listed)
        assert await scanned(provider, reach) == []
    assert await seen.episodes() == []  # nor what it was learned from


async def test_what_nothing_was_learned_from_goes_at_the_next_sweep(
    server: Server, prefix: str, seen: Seen, make: Maker, clock: Time
) -> None:
    async with opened(server, prefix, clock, scope="edges") as provider:
        assert await provider.extract([make.record("Hello!", kind=Kind.MESSAGE, role="user")], wait=False) == []
        while not all(each.processed for each in await seen.episodes()):
            pass
        await provider.sweep(10)
    assert await seen.episodes() == []
