"""What lies in the collection: readable documents, whatever the keys, with a native end, and nothing taken on trust."""

import asyncio
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any

import pytest

from gateway.domain.errors import Invalid, Tampered, TooLarge
from gateway.domain.filters import Compare
from gateway.domain.ports import Where
from gateway.domain.record import Kind
from gateway.domain.scope import Reach, Scope
from gateway.providers.mongodb.layout import escaped, key_of
from gateway.testing.hostile import IDS
from gateway.testing.making import Maker, one, scanned
from tests.providers.mongodb.conftest import Opened

HOSTILE: dict[str, Any] = {
    "$where": "1", "$set": {"$inc": {"a.b": 1}}, "a.b": {"c.d": [{"$gt": 1, "": 2}]}, "": "", ".": 1, "..": 2, "$": 3,
    "%": 4, "%25": 5, "%2E": 6, "%24where": 7, "%00": 8, "_id": 9, "0": 10, "__proto__": 11, "$ref": {"$id": 1, "$db": "x"},
    "caf\u00e9": 12, "cafe\u0301": 13, "x" * 500: 14,
}  # fmt: skip


async def test_a_document_is_what_people_look_for(opened: Opened, make: Maker, name: str, raw: Any) -> None:
    record = make.record("likes tea", metadata={"category": "drinks", "n": {"deep": [1, 1.5]}}, role="user", ttl=60)
    async with opened() as provider:
        await provider.put([record])
    found = await raw[name].find_one({"id": record.id})
    assert (found["user_id"], found["content"], found["kind"], found["role"]) == ("ann", "likes tea", "memory", "user")
    assert found["metadata"] == record.metadata
    assert isinstance(found["created_at"], datetime) and isinstance(found["expires_at"], datetime)
    assert record.expires_at is not None
    assert timedelta(0) <= found["expires_at"].replace(tzinfo=UTC) - record.expires_at < timedelta(milliseconds=1)
    assert found["_id"] == key_of(make.tenant, record.id)


@pytest.mark.parametrize("driver", ["pymongo", "motor"])
async def test_hostile_metadata_keys_come_back_and_can_be_filtered_by(driver: str, opened: Opened, make: Maker) -> None:
    record, other = make.record(metadata=HOSTILE), make.record(metadata={})
    async with opened(driver=driver) as provider:
        await provider.put([record, other])
        assert await one(provider, record) == record
        for key, value in HOSTILE.items():
            test = (
                Compare("exists", True, path=(key,)) if isinstance(value, dict) else Compare("eq", value, path=(key,))
            )
            where = Where(frozenset({Kind.MEMORY}), test)
            assert await scanned(provider, Reach.only(record.scope), where) == [record], key


async def test_without_the_escape_the_server_refuses_such_keys(raw: Any, name: str) -> None:
    for key in ("$where", "a.b"):
        with pytest.raises(Exception, match="not valid for storage"):
            await raw[name].insert_one({"metadata": {key: 1}})


def test_no_two_keys_have_the_same_name() -> None:
    keys = {"".join(letters) for n in range(4) for letters in product("$.%025E4a\0", repeat=n)} | HOSTILE.keys()
    names = {escaped(key) for key in keys}
    assert len(names) == len(keys)
    assert not any(not name or "." in name or "\0" in name or name[0] == "$" for name in names)


def test_no_two_pairs_of_tenant_and_id_have_the_same_key() -> None:
    pairs = {(tenant, id_) for tenant in (*IDS, "1:a", "a:1", "1") for id_ in (*IDS, "1:a", "a:1", ":", "1")}
    assert len({key_of(*pair) for pair in pairs}) == len(pairs)


async def test_the_server_itself_removes_what_expired_and_nothing_else(
    opened: Opened, make: Maker, name: str, raw: Any
) -> None:
    gone, later, ever = make.record(ttl=0.5), make.record(ttl=3600), make.record()
    async with opened() as provider:
        await provider.put([gone, later, ever])
        assert await raw[name].count_documents({}) == 3
        for _ in range(100):
            await asyncio.sleep(0.05)
            if await raw[name].count_documents({}) == 2:
                break
        assert {each["id"] async for each in raw[name].find({})} == {later.id, ever.id}


@pytest.mark.parametrize(
    "change",
    [
        {"scope": "0" * 64}, {"user_id": "bob"}, {"tenant": "other"}, {"id": "x"}, {"version": "1"}, {"content": 7},
        {"metadata": []}, {"metadata": {"a": b"1"}}, {"created": None}, {"kind": "thing"}, {"vector": b"1234"},
    ],
    ids=str,
)  # fmt: skip
async def test_a_document_that_was_changed_is_tampered_never_missing(
    change: dict[str, Any], opened: Opened, make: Maker, name: str, raw: Any
) -> None:
    record = make.record()
    async with opened() as provider:
        await provider.put([record])
        await raw[name].update_one({"_id": key_of(make.tenant, record.id)}, {"$set": change})
        with pytest.raises(Tampered):
            await provider.get(Reach.only(record.scope), [record.id])


async def test_what_no_document_can_hold_is_refused_in_words(opened: Opened, make: Maker) -> None:
    async with opened() as provider:
        with pytest.raises(Invalid, match="no form"):
            await provider.put([make.record(metadata={"n": 2**70})])
        with pytest.raises(Invalid, match="no form"):
            await provider.put([make.record("lone \ud800")])
        with pytest.raises(TooLarge, match="16 MiB"):
            await provider.put([make.record(body=b"x" * (17 * 1024 * 1024))])
        assert await scanned(provider, Reach.only(make.scope())) == []


async def test_long_texts_are_searched_by_all_but_their_rarest_words(opened: Opened, make: Maker) -> None:
    record = make.record(" ".join(f"w{n}" for n in range(12_000)) + " " + "y" * 1_000)
    async with opened() as provider:
        await provider.put([record])
        for word, there in (("w7", True), ("w9999", True), ("w11000", False)):
            found = await provider.matching(Reach.only(make.scope()), [word], Where(frozenset({Kind.MEMORY})), 5)
            assert bool(found) is there, word


async def test_scopes_of_any_letters_stay_apart_in_the_server_too(
    opened: Opened, make: Maker, raw: Any, name: str
) -> None:
    records = [make.record(scope=Scope(make.tenant, "default", part)) for part in IDS]
    async with opened() as provider:
        await provider.put(records)
    assert len({each["scope"] async for each in raw[name].find({})}) == len(IDS)
