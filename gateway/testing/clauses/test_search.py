"""Where a provider searches by itself: exact order, right direction, nothing foreign, filters before limits."""

import pytest

from gateway.domain.filters import Compare
from gateway.domain.ports import Fused, Matching, Nearest, Provider, Where
from gateway.domain.record import Kind, Record
from gateway.domain.scope import Reach, Scope
from gateway.testing import hostile
from gateway.testing.making import MEMORIES, Maker, cosine, everything, unit
from gateway.testing.subjects import DIMENSION, Place, Subject

nearest = pytest.mark.needs("nearest")
matching = pytest.mark.needs("matching")
fuses = pytest.mark.needs("fuses")


async def near(
    provider: Provider, reach: Reach, vector: bytes, limit: int = 10, where: Where = MEMORIES
) -> list[tuple[Record, float]]:
    assert isinstance(provider, Nearest)
    return [(hit.record, hit.score) for hit in await provider.nearest(reach, vector, where, limit)]


async def matched(
    provider: Provider, reach: Reach, *words: str, limit: int = 10, where: Where = MEMORIES
) -> list[Record]:
    assert isinstance(provider, Matching)
    hits = await provider.matching(reach, words, where, limit)
    scores = [hit.score for hit in hits]
    assert scores == sorted(scores, reverse=True)
    return [hit.record for hit in hits]


@nearest
async def test_the_same_direction_scores_one_and_the_opposite_minus_one(provider: Provider, make: Maker) -> None:
    same, opposite, across = (
        make.record(vector=unit([sign, *side, 0, 0, 0, 0, 0, 0])) for sign, side in ((1, [0]), (-1, [0]), (0, [1]))
    )
    await provider.put([opposite, across, same])
    found = await near(provider, Reach.only(make.scope()), same.vector or b"")
    assert [record.id for record, _ in found] == [same.id, across.id, opposite.id]
    assert [score for _, score in found] == pytest.approx([1, 0, -1], abs=1e-4)


@nearest
@pytest.mark.parametrize("limit", [1, 3, 10, 300, 1000])
async def test_the_order_is_that_of_all_cosines(limit: int, provider: Provider, make: Maker) -> None:
    records = [make.record(vector=make.vector(DIMENSION)) for _ in range(300)]
    await provider.put(records)
    query = make.vector(DIMENSION)
    found = await near(provider, Reach.only(make.scope()), query, limit)
    oracle = sorted((cosine(each.vector or b"", query) for each in records), reverse=True)[:limit]
    assert [score for _, score in found] == pytest.approx(oracle, abs=1e-4)
    assert [cosine(record.vector or vector_of(record, records), query) for record, _ in found] == pytest.approx(
        oracle, abs=1e-4
    )


def vector_of(record: Record, records: list[Record]) -> bytes:
    return next(each.vector or b"" for each in records if each.id == record.id)


@nearest
async def test_thousands_of_vectors_are_searched_exactly_while_they_change(provider: Provider, make: Maker) -> None:
    records = [make.record(vector=make.vector(DIMENSION)) for _ in range(3000)]
    reach = Reach.only(make.scope())
    for start in range(0, 3000, 1000):
        await provider.put(records[start : start + 1000])
    query = make.vector(DIMENSION)
    for _ in range(3):
        records.sort(key=lambda each: -cosine(each.vector or b"", query))
        found = await near(provider, reach, query, 20)
        expected = [cosine(each.vector or b"", query) for each in records[:20]]
        assert [score for _, score in found] == pytest.approx(expected, abs=1e-4)
        best, second = found[0][0], found[1][0]
        await provider.delete(reach, [best.id])
        turned = make.record("turned", id=second.id, version=second.version + 1, vector=make.vector(DIMENSION))
        await provider.put([turned])
        records = [each for each in records if each.id not in (best.id, second.id)] + [turned]


@nearest
async def test_only_vectors_of_the_reach_are_near(provider: Provider, make: Maker) -> None:
    query = make.vector(DIMENSION)
    mine = make.record(vector=make.vector(DIMENSION), scope=make.scope("ann", run="r1"))
    others = [
        make.record(vector=query, scope=scope)
        for scope in (
            make.scope("bob", run="r1"), make.scope("ann"), make.scope("ann", run="r10"),
            make.scope("ann", run="r1", space="other"), Scope(make.tenant + "0", "default", "ann", "", "r1"),
        )
    ]  # fmt: skip
    await provider.put([*others, mine])
    assert [record.id for record, _ in await near(provider, Reach.only(mine.scope), query)] == [mine.id]
    found = await near(provider, Reach(make.tenant, "default", "ann", "", None), query)
    assert {record.id for record, _ in found} == {mine.id, others[1].id, others[2].id}
    assert await near(provider, Reach.only(make.scope("nobody")), query) == []


@nearest
async def test_records_without_a_vector_or_of_another_kind_are_not_near(
    subject: Subject, place: Place, provider: Provider, make: Maker
) -> None:
    query = make.vector(DIMENSION)
    kinds = sorted(subject.capabilities(place).kinds)
    records = [make.record(kind=kind, vector=query) for kind in kinds]
    await provider.put([*records, *(make.record(kind=kind) for kind in kinds)])
    for kind, record in zip(kinds, records, strict=True):
        found = await near(provider, Reach.only(make.scope()), query, where=Where(frozenset({kind})))
        assert [each.id for each, _ in found] == [record.id]
    everywhere = await near(provider, Reach.only(make.scope()), query, len(kinds), where=Where(frozenset(kinds)))
    assert {each.id for each, _ in everywhere} == {each.id for each in records}


@nearest
async def test_what_is_near_is_filtered_before_the_limit(provider: Provider, make: Maker) -> None:
    query = make.vector(DIMENSION)
    wanted = [make.record(f"Wanted {n}", vector=unit([1, n, 0, 0, 0, 0, 0, 1]), metadata={"n": 1}) for n in range(3)]
    await provider.put([*wanted, *(make.record(vector=query, metadata={"n": 2}) for _ in range(300))])
    for test in (Compare("eq", 1, path=("n",)), Compare("icontains", "WANTED", field="text")):
        found = await near(provider, Reach.only(make.scope()), query, 3, Where(frozenset({Kind.MEMORY}), test))
        assert {record.id for record, _ in found} == {each.id for each in wanted}


@nearest
async def test_a_question_without_direction_is_no_error(provider: Provider, make: Maker) -> None:
    await provider.put([make.record(vector=make.vector(DIMENSION))])
    found = await near(provider, Reach.only(make.scope()), b"\0" * 4 * DIMENSION)
    assert all(score == pytest.approx(0, abs=1e-6) for _, score in found)


@matching
async def test_any_of_the_words_is_enough_and_more_are_better(provider: Provider, make: Maker) -> None:
    both, tea, cake, none = (make.record(text) for text in ("tea and cake", "tea with milk", "cake", "nothing here"))
    await provider.put([none, cake, tea, both])
    found = await matched(provider, Reach.only(make.scope()), "tea", "cake")
    assert {each.id for each in found} == {both.id, tea.id, cake.id}
    assert found[0].id == both.id
    assert await matched(provider, Reach.only(make.scope()), "coffee") == []
    assert await matched(provider, Reach.only(make.scope())) == []


@matching
async def test_a_rare_word_is_worth_more_than_a_common_one(provider: Provider, make: Maker) -> None:
    rare = make.record("violin lessons")
    await provider.put([*(make.record("monday lessons") for _ in range(20)), rare])
    assert (await matched(provider, Reach.only(make.scope()), "monday", "violin", limit=1))[0].id == rare.id


@matching
async def test_words_match_whole_and_whatever_their_case(provider: Provider, make: Maker) -> None:
    record = make.record("The TEAPOT is Blue")
    await provider.put([record])
    reach = Reach.only(make.scope())
    assert [each.id for each in await matched(provider, reach, "teapot")] == [record.id]
    assert [each.id for each in await matched(provider, reach, "BLUE")] == [record.id]
    assert await matched(provider, reach, "tea") == []


@matching
async def test_only_texts_of_the_reach_match_or_count(provider: Provider, make: Maker) -> None:
    assert isinstance(provider, Matching)
    mine = [make.record("green tea"), make.record("black tea"), make.record("green apples")]
    reach = Reach.only(make.scope())
    await provider.put(mine)
    before = await provider.matching(reach, ["green", "tea"], MEMORIES, 10)
    foreign = [make.record("green", Scope(make.tenant + "0", "default", "ann")) for _ in range(50)]
    await provider.put([*foreign, make.record("green tea", make.scope("bob")), make.record("tea", make.scope(run="r"))])
    after = await provider.matching(reach, ["green", "tea"], MEMORIES, 10)
    assert [(hit.record.id, hit.score) for hit in after] == [(hit.record.id, hit.score) for hit in before]
    assert len(await matched(provider, everything(make.tenant), "tea")) == 4


@matching
async def test_matching_follows_changes_and_deletions(provider: Provider, make: Maker) -> None:
    record = make.record("green tea")
    reach = Reach.only(make.scope())
    await provider.put([record])
    changed = make.record("black coffee", id=record.id, version=2)
    await provider.put([changed])
    assert await matched(provider, reach, "tea") == []
    assert [each.text for each in await matched(provider, reach, "coffee")] == ["black coffee"]
    await provider.delete(reach, [record.id])
    assert await matched(provider, reach, "coffee") == []


@matching
async def test_what_matches_is_filtered_before_the_limit(provider: Provider, make: Maker) -> None:
    wanted = [make.record("tea, at some length, and other things", metadata={"n": 1}) for _ in range(3)]
    await provider.put([*wanted, *(make.record("tea", metadata={"n": 2}) for _ in range(200))])
    for test in (Compare("eq", 1, path=("n",)), Compare("icontains", "LENGTH", field="text")):
        where = Where(frozenset({Kind.MEMORY}), test)
        found = await matched(provider, Reach.only(make.scope()), "tea", limit=3, where=where)
        assert {each.id for each in found} == {each.id for each in wanted}


@matching
@pytest.mark.parametrize("number", range(len(hostile.WORDS)))
async def test_no_word_is_an_operator(number: int, provider: Provider, make: Maker) -> None:
    record = make.record("tea or coffee")
    await provider.put([record, make.record("neither")])
    found = await matched(provider, Reach.only(make.scope()), hostile.WORDS[number], "coffee")
    assert [each.id for each in found] == [record.id]


@fuses
@pytest.mark.parametrize("filtered", [False, True])
async def test_what_is_near_and_what_holds_the_words_comes_in_one_answer_with_both_first(
    filtered: bool, provider: Provider, make: Maker
) -> None:
    assert isinstance(provider, Fused)
    near_by, far = unit([1, 0, 0, 0, 0, 0, 0, 0]), unit([-1, 0, 0, 0, 0, 0, 0, 0])
    metadata = {"wanted": "yes"}
    both = make.record(text="a teapot", vector=near_by, metadata=metadata)
    close = make.record(text="a lantern", vector=unit([1, 0.1, 0, 0, 0, 0, 0, 0]), metadata=metadata)
    named = make.record(text="one more teapot", vector=far, metadata=metadata)
    foreign = make.record(text="a teapot", vector=near_by, metadata=metadata, scope=make.scope(user="someone else"))
    unwanted = make.record(text="a teapot teapot", vector=near_by, metadata={"wanted": "no"})
    await provider.put([foreign, named, close, both, *([unwanted] if filtered else [])])
    where = Where(MEMORIES.kinds, Compare(path=("wanted",), op="eq", value="yes")) if filtered else MEMORIES
    hits = await provider.fused(Reach.only(make.scope()), near_by, ["teapot"], where, 10)
    assert [hit.record.id for hit in hits][:1] == [both.id]
    assert {hit.record.id for hit in hits} == {both.id, close.id, named.id}
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)
    assert len(await provider.fused(Reach.only(make.scope()), near_by, ["teapot"], where, 1)) == 1
