"""mem0's own search, and lists longer than mem0 gives by itself."""

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from gateway.domain.filters import Compare
from gateway.domain.ports import Relevant, Where
from gateway.domain.record import Kind
from gateway.domain.scope import Reach, Scope
from gateway.providers.mem0 import Mem0
from gateway.providers.mem0.inside import Inside
from gateway.testing.making import MEMORIES, Maker, Time, everything, scanned

from .opening import Opened, hosted, inside, way_of

TEXTS = (
    "Ann drinks green tea every morning", "Her bicycle has a flat tyre", "The meeting was moved to Tuesday",
    "Ann's sister lives in Lisbon", "The invoice is overdue", "He plays the violin in an orchestra",
)  # fmt: skip
PARAPHRASES = {
    "what beverage does she have at breakfast": TEXTS[0],
    "in which city is her sibling": TEXTS[3],
    "musician instrument": TEXTS[5],
}


async def test_a_paraphrase_finds_the_memory_it_means_first(mem0: Mem0, make: Maker) -> None:
    await mem0.put([make.record(text) for text in TEXTS])
    assert isinstance(mem0, Relevant)
    for question, meant in PARAPHRASES.items():
        hits = await mem0.relevant(Reach.only(make.scope()), question, MEMORIES, 3)
        assert hits[0].record.text == meant
        scores = [hit.score for hit in hits]
        assert scores == sorted(scores, reverse=True) and all(0 <= score <= 1 for score in scores)


async def test_as_many_are_found_as_were_asked_for_and_not_mem0s_twenty(mem0: Mem0, make: Maker) -> None:
    await mem0.put([make.record(f"likes tea number {n}") for n in range(65)])
    reach = Reach.only(make.scope())
    for limit in (1, 10, 20, 50, 65, 100):
        assert len(await mem0.relevant(reach, "likes tea", MEMORIES, limit)) == min(limit, 65)


async def test_a_list_is_longer_than_mem0s_default(mem0: Mem0, make: Maker) -> None:
    records = make.records(450)
    await mem0.put(records)
    assert await scanned(mem0, Reach.only(make.scope()), limit=1000) == records[::-1]


async def test_what_is_found_is_filtered_before_the_limit(mem0: Mem0, make: Maker) -> None:
    wanted = [make.record("the price of tea", metadata={"n": 1}) for _ in range(3)]
    await mem0.put([*wanted, *(make.record("likes tea", metadata={"n": 2}) for _ in range(150))])
    hits = await mem0.relevant(
        Reach.only(make.scope()), "likes tea", Where(frozenset({Kind.MEMORY}), Compare("eq", 1, path=("n",))), 3
    )
    assert {hit.record.id for hit in hits} == {each.id for each in wanted}


async def test_only_what_the_reach_covers_is_found(mem0: Mem0, make: Maker) -> None:
    mine = make.record("likes tea a little", make.scope("ann", run="r1"))
    scopes = [
        make.scope("bob", run="r1"), make.scope("ann"), make.scope("ann", run="r10"), make.scope("ann", run="r1", space="x"),
        Scope(make.tenant + "0", "default", "ann", "", "r1"),
    ]  # fmt: skip
    others = [make.record("likes tea", scope) for scope in scopes]
    await mem0.put([*others, mine])

    async def found(reach: Reach) -> set[str]:
        return {hit.record.id for hit in await mem0.relevant(reach, "likes tea", MEMORIES, 50)}

    assert await found(Reach.only(mine.scope)) == {mine.id}
    assert await found(Reach(make.tenant, "default", "ann", "", None)) == {mine.id, others[1].id, others[2].id}
    assert await found(everything(make.tenant)) == {mine.id, *(each.id for each in others[:4])}
    assert await found(Reach.only(make.scope("nobody"))) == set()


async def test_what_has_expired_is_not_found(mem0: Mem0, make: Maker, clock: Time) -> None:
    gone, kept = make.record("likes tea", ttl=10), make.record("likes tea a little")
    await mem0.put([gone, kept])
    reach = Reach.only(make.scope())
    assert len(await mem0.relevant(reach, "tea", MEMORIES, 5)) == 2
    clock.forward(seconds=11)
    assert [hit.record for hit in await mem0.relevant(reach, "tea", MEMORIES, 1)] == [kept]


@pytest.mark.parametrize("question", ["", " ", "\n", "x" * 20_000, "*", "caf\u00e9 \U0001f9e0"])
async def test_no_question_is_an_error(question: str, mem0: Mem0, make: Maker) -> None:
    await mem0.put([make.record("likes tea")])
    assert len(await mem0.relevant(Reach.only(make.scope()), question, MEMORIES, 5)) <= 1


async def test_a_change_is_found_by_its_new_words(mem0: Mem0, make: Maker) -> None:
    old, other = make.record("lives in Lisbon"), make.record("plays the violin")
    new = make.record("drinks green tea", id=old.id, version=2)
    await mem0.put([old, other])
    await mem0.put([new])
    hits = await mem0.relevant(Reach.only(make.scope()), "green tea", MEMORIES, 5)
    assert hits[0].record == new
    assert len(hits) <= 2


@pytest.mark.parametrize("rerank", [True, False])
async def test_reranking_is_asked_of_mem0_where_the_option_says_so(
    rerank: bool, reranking: Callable[..., Opened], make: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Any] = []
    async with reranking(rerank=rerank)() as mem0:
        way = way_of(mem0)
        searcher = way._memory if isinstance(way, Inside) else way._client  # pyright: ignore[reportPrivateUsage]
        search = searcher.search

        async def noting(question: str, **more: Any) -> Any:
            asked.append(more.get("rerank", False))
            return await search(question, **more)

        monkeypatch.setattr(searcher, "search", noting)
        await mem0.relevant(Reach.only(make.scope()), "tea", MEMORIES, 5)
    assert asked == [rerank]


@pytest.fixture(params=["inside", "hosted"])
def reranking(
    request: pytest.FixtureRequest, model: str, store: str, platform: Mapping[str, str], tmp_path: Path, clock: Time
) -> Callable[..., Opened]:
    if request.param == "inside":
        return partial(inside, model, store, tmp_path, clock)
    return partial(hosted, platform, tmp_path, clock)
