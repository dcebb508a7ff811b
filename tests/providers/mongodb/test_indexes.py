"""The collection's indexes: made once, by however many, and never put up with where another stands in their place."""

import asyncio
from typing import Any

import pytest

from gateway.domain.errors import Unavailable
from gateway.providers.mongodb.indexes import INDEXES
from tests.providers.mongodb.conftest import Opened


async def listed(collection: Any) -> dict[str, Any]:
    return {each["name"]: each async for each in await collection.list_indexes()}


@pytest.mark.parametrize("driver", ["pymongo", "motor"])
async def test_opening_makes_the_indexes_and_opening_again_changes_none(
    driver: str, opened: Opened, raw: Any, name: str
) -> None:
    async with opened(driver=driver):
        first = await listed(raw[name])
    assert first.keys() == {"_id_", *INDEXES}
    assert {each: tuple(first[each]["key"]) for each in INDEXES} == INDEXES
    async with opened(driver=driver), opened(driver=driver):
        assert await listed(raw[name]) == first


async def test_many_that_open_at_once_make_them_once(opened: Opened, raw: Any, name: str) -> None:
    async def once() -> None:
        async with opened():
            pass

    await asyncio.gather(*(once() for _ in range(5)))
    assert (await listed(raw[name])).keys() == {"_id_", *INDEXES}


async def test_the_end_of_records_is_an_index_of_the_servers_own(opened: Opened, raw: Any, name: str) -> None:
    async with opened():
        found = (await listed(raw[name]))["gateway_expiry"]
    assert (dict(found["key"]), found["expireAfterSeconds"]) == ({"expires_at": 1}, 0)


@pytest.mark.parametrize(
    ("keys", "options", "offender"),
    [
        (["user"], {"name": "gateway_scope"}, "gateway_scope"),  # our name, other fields
        (["scope", "kind", "created", "id"], {"name": "mine"}, "mine"),  # our fields, another name
        (["expires_at"], {"name": "gateway_expiry", "expireAfterSeconds": 3600}, "gateway_expiry"),  # another span
        (["expires_at"], {"name": "gateway_expiry"}, "gateway_expiry"),  # no end at all
    ],
    ids=str,
)
async def test_an_index_in_the_place_of_ours_is_named(
    keys: list[str], options: dict[str, Any], offender: str, opened: Opened, raw: Any, name: str
) -> None:
    await raw[name].create_index([(key, 1) for key in keys], **options)
    with pytest.raises(Unavailable, match=f"index '{offender}' stands in the place of our") as caught:
        async with opened():
            pass
    assert caught.value.code == "mongodb_index_conflict"
    await raw[name].drop_index(offender)
    async with opened():
        assert (await listed(raw[name])).keys() == {"_id_", *INDEXES}


async def test_others_indexes_are_left_alone(opened: Opened, raw: Any, name: str) -> None:
    await raw[name].create_index([("metadata.category", 1)], name="mine")
    async with opened():
        assert (await listed(raw[name])).keys() == {"_id_", "mine", *INDEXES}


@pytest.mark.parametrize("options", [{"capped": True, "size": 4096}, {"collation": {"locale": "en", "strength": 1}}])
async def test_a_collection_that_forgets_or_folds_letters_is_refused(
    options: dict[str, Any], opened: Opened, raw: Any, name: str
) -> None:
    await raw.command("create", name, **options)
    with pytest.raises(Unavailable, match="name another `collection`") as caught:
        async with opened():
            pass
    assert caught.value.code == "mongodb_unfit_collection"
