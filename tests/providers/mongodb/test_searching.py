"""Vector search in the server: what is asked of it, what must be there for it, and what is said where it is not."""

from typing import Any

import pytest

from gateway.domain.errors import Unavailable
from gateway.domain.filters import Compare
from gateway.domain.ports import Nearest, Where
from gateway.domain.record import Kind
from gateway.domain.scope import Reach
from gateway.testing.making import MEMORIES, Maker, cosine, everything, unit
from gateway.testing.subjects import DIMENSION
from tests.providers.mongodb.conftest import Opened

both = pytest.mark.parametrize("driver", ["pymongo", "motor"])
SEARCH = {"vector_search": {"index": "vectors"}}


@both
@pytest.mark.parametrize("candidates", [None, 200])
async def test_the_server_ranks_within_the_reach_and_the_filter_is_applied(
    driver: str, candidates: int | None, opened: Opened, make: Maker
) -> None:
    search = {"index": "vectors"} | ({"candidates": candidates} if candidates else {})
    query = make.vector(DIMENSION)
    records = [
        make.record(f"{n}", make.scope(f"u{n % 2}"), vector=make.vector(DIMENSION), metadata={"n": n})
        for n in range(150)
    ]
    async with opened(driver=driver, vector_search=search) as provider:
        assert isinstance(provider, Nearest)
        await provider.put(records)
        for reach, mine in ((Reach.only(make.scope("u1")), records[1::2]), (everything(make.tenant), records)):
            for where, passing in (
                (MEMORIES, mine), (Where(frozenset({Kind.MEMORY}), Compare("lt", 9, path=("n",))), [each for each in mine if each.metadata["n"] < 9]),
            ):  # fmt: skip
                hits = await provider.nearest(reach, query, where, 4)
                best = sorted((cosine(each.vector or b"", query) for each in passing), reverse=True)[:4]
                assert [hit.score for hit in hits] == pytest.approx(best, abs=1e-5)


async def test_the_index_is_made_once_with_all_that_a_search_filters_by(opened: Opened, raw: Any, name: str) -> None:
    for _ in range(2):
        async with opened(**SEARCH):
            (found,) = await (await raw[name].list_search_indexes()).to_list()
        fields = found["latestDefinition"]["fields"]
        assert fields[0] == {"type": "vector", "path": "vector", "numDimensions": DIMENSION, "similarity": "dotProduct"}
        assert {each["path"] for each in fields[1:]} == {
            "tenant", "scope", "space", "user_id", "agent_id", "run_id", "kind", "expires"
        }  # fmt: skip


async def test_an_index_that_is_being_made_is_not_taken_for_an_empty_one(opened: Opened, make: Maker, raw: Any) -> None:
    record = make.record(vector=unit([1] * DIMENSION))
    await raw.client.admin.command("configureFailPoint", "hangSearchIndexes", mode="alwaysOn")
    try:
        async with opened(**SEARCH) as provider:
            assert isinstance(provider, Nearest)
            await provider.put([record])
            with pytest.raises(Unavailable, match="still being made") as caught:
                await provider.nearest(Reach.only(record.scope), unit([1] * DIMENSION), MEMORIES, 1)
            assert caught.value.code == "mongodb_index_building"
            await raw.client.admin.command("configureFailPoint", "hangSearchIndexes", mode="off")
            (hit,) = await provider.nearest(Reach.only(record.scope), unit([1] * DIMENSION), MEMORIES, 1)
            assert hit.record.id == record.id
    finally:
        await raw.client.admin.command("configureFailPoint", "hangSearchIndexes", mode="off")


@pytest.mark.parametrize("code", [31082, 40324, 59])
async def test_a_server_without_vector_search_is_told_at_the_start(code: int, opened: Opened, failing: Any) -> None:
    await failing("aggregate", errorCode=code)
    with pytest.raises(Unavailable, match="remove `vector_search`") as caught:
        async with opened(**SEARCH):
            pass
    assert caught.value.code == "mongodb_no_vector_search"
    async with opened():  # without the option nothing is asked
        pass


@pytest.mark.parametrize(("size", "filters"), [(DIMENSION + 1, True), (DIMENSION, False)])
async def test_an_index_of_another_making_is_refused(
    size: int, filters: bool, opened: Opened, raw: Any, name: str
) -> None:
    from pymongo.operations import SearchIndexModel

    from gateway.providers.mongodb.indexes import FILTERED

    async with opened():
        fields = [{"type": "vector", "path": "vector", "numDimensions": size, "similarity": "dotProduct"}]
        fields += [{"type": "filter", "path": each} for each in (FILTERED if filters else ())]
        await raw[name].create_search_index(SearchIndexModel({"fields": fields}, name="vectors", type="vectorSearch"))
    with pytest.raises(Unavailable, match="drop it") as caught:
        async with opened(**SEARCH):
            pass
    assert caught.value.code == "mongodb_index_conflict"
