"""What stands in Redis: names, plain JSON, ends. Other programs may rely on it, as docs/backends/redis.md says."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from gateway.domain.errors import Tampered
from gateway.domain.ports import Where
from gateway.domain.record import Kind
from gateway.domain.scope import Reach
from gateway.testing.making import Maker, Time, everything, one, scanned
from tests.providers.redis.conftest import Opened

Keys = Callable[[], Awaitable[list[str]]]
SESSIONS = Where(frozenset({Kind.SESSION}))


def now() -> datetime:
    return datetime.now(UTC)


async def test_a_memory_is_plain_json_under_a_key_of_its_own(opened: Opened, make: Maker, raw: Any, keys: Keys) -> None:
    record = make.record("likes tea", make.scope("ann"), metadata={"topic": "food"})
    async with opened() as provider:
        await provider.put([record])
    (key,) = [each for each in await keys() if each.endswith(f":r:{record.id}")]
    found = msgspec.json.decode(await raw.get(key))
    assert {name: found[name] for name in ("id", "user_id", "content", "metadata")} == {
        "id": record.id, "user_id": "ann", "content": "likes tea", "metadata": {"topic": "food"},
    }  # fmt: skip
    assert datetime.fromisoformat(found["created_at"]) == record.created_at


async def test_messages_of_a_session_stand_in_one_hash_as_plain_json(
    opened: Opened, make: Maker, raw: Any, keys: Keys, prefix: str
) -> None:
    scope = make.scope("ann", run="s1")
    sent = [make.record(f"n{n}", scope, kind=Kind.MESSAGE, role="user", metadata={"n": n}) for n in range(3)]
    async with opened() as provider:
        await provider.put(sent)
    (key,) = [each for each in await keys() if each.endswith("}:messages")]
    assert re.fullmatch(re.escape(prefix) + r"\{[\w-]{43}\}:messages", key)
    for record in sent:
        found = msgspec.json.decode(await raw.hget(key, record.id))
        assert (found["role"], found["content"], found["metadata"]) == ("user", record.text, record.metadata)
        assert datetime.fromisoformat(found["timestamp"]) == record.created_at


async def test_every_key_carries_the_prefix_and_two_prefixes_are_two_stores(
    opened: Opened, make: Maker, raw: Any, prefix: str
) -> None:
    before = {key async for key in raw.scan_iter(match="*", count=1_000) if make.tenant in key or prefix in key}
    mine, theirs = make.record("mine"), make.record("theirs")
    theirs = msgspec.structs.replace(theirs, id=mine.id)
    async with opened() as first, opened(prefix=prefix + "b:") as second:
        assert list(await first.put([mine])) == [True]
        assert list(await second.put([theirs])) == [True]
        assert (await one(first, mine), await one(second, mine)) == (mine, theirs)
        assert await second.delete(everything(make.tenant), [mine.id]) == 1
        assert await scanned(first, everything(make.tenant)) == [mine]
    assert not before
    assert {key async for key in raw.scan_iter(match=prefix + "*", count=1_000)}


async def test_without_a_ttl_no_key_ever_ends(opened: Opened, make: Maker, raw: Any, keys: Keys) -> None:
    async with opened() as provider:
        await provider.put([make.record(), make.record(scope=make.scope("ann", run="s"), kind=Kind.MESSAGE)])
    names = await keys()
    assert names
    assert [await raw.ttl(key) for key in names] == [-1] * len(names)


async def test_with_a_ttl_a_memory_ends_by_the_clock_and_then_in_redis(
    opened: Opened, make: Maker, keys: Keys, clock: Time
) -> None:
    record = make.record()
    async with opened(ttl_seconds=0.2) as provider:
        await provider.put([record])
        found = await one(provider, record)
        assert found is not None and found.expires_at is not None
        assert (found.expires_at - clock.now).total_seconds() == pytest.approx(0.2)
        clock.forward(seconds=0.2)
        assert await one(provider, record) is None
        assert await scanned(provider, Reach.only(record.scope)) == []
        await asyncio.sleep(0.2 + 2.1)  # what Redis adds, so that no fast clock takes away what still lives
        assert [key for key in await keys() if record.id in key or "}:records:" in key] == []


async def test_an_end_of_its_own_that_comes_first_is_kept(opened: Opened, make: Maker) -> None:
    record = make.record(ttl=10)
    async with opened(ttl_hours=1) as provider:
        await provider.put([record])
        assert await one(provider, record) == record


async def test_what_all_ends_leaves_with_its_last_and_what_stays_keeps_all(
    opened: Opened, make: Maker, raw: Any, keys: Keys
) -> None:
    async with opened() as provider:
        await provider.put([make.record(ttl=100), make.record(ttl=50)])
        (index,) = [each for each in await keys() if each.endswith(":records:index")]
        assert 95 < await raw.ttl(index) <= 102
        stays = make.record()
        await provider.put([stays])
        assert await raw.ttl(index) == -1
        await provider.delete(Reach.only(stays.scope), [stays.id])
        assert 95 < await raw.ttl(index) <= 102


async def test_what_is_deleted_leaves_nothing_behind(opened: Opened, make: Maker, keys: Keys) -> None:
    records = [make.record(scope=make.scope("ann", run="s"), kind=kind) for kind in Kind]
    async with opened() as provider:
        await provider.put(records)
        assert len(await keys()) > len(records)
        assert await provider.delete(everything(make.tenant), [each.id for each in records]) == len(records)
    assert [key.rpartition("}")[2] for key in await keys()] == [":stamps"]


async def test_scopes_that_ended_leave_the_index_when_somebody_looks(
    opened: Opened, make: Maker, raw: Any, keys: Keys
) -> None:
    stays = make.record(scope=make.scope("ann", run="here"), kind=Kind.SESSION)
    gone = make.record(scope=make.scope("ann", run="gone"), kind=Kind.SESSION)
    async with opened() as provider, opened(now, ttl_seconds=0.1) as ending:
        await provider.put([stays])
        await ending.put([gone])
        (index,) = [each for each in await keys() if each.endswith("}:scopes")]
        assert await raw.hlen(index) == 2
        await asyncio.sleep(0.15)
        reach = Reach(make.tenant, "default", "ann", "", None)
        page = await scanned(provider, reach, SESSIONS)
        assert page == [stays]
        assert await raw.hlen(index) == 1
        await ending.put([gone])
        assert len(await scanned(provider, reach, SESSIONS)) == 2


async def test_what_is_no_document_is_tampered_with_and_never_missing(
    opened: Opened, make: Maker, raw: Any, keys: Keys
) -> None:
    first, second = make.records(2)
    async with opened() as provider:
        await provider.put([first, second])
        names = {record.id: next(key for key in await keys() if key.endswith(f":r:{record.id}")) for record in (first, second)}  # fmt: skip
        good = await raw.get(names[first.id])
        for bad in ("not json", "{}", await raw.get(names[second.id])):
            await raw.set(names[first.id], bad)
            with pytest.raises(Tampered):
                await one(provider, first)
            with pytest.raises(Tampered):
                await scanned(provider, Reach.only(first.scope))
        await raw.set(names[first.id], good)
        assert await one(provider, first) == first


async def test_a_key_of_another_kind_is_said_to_be_one(opened: Opened, make: Maker, raw: Any, keys: Keys) -> None:
    async with opened() as provider:
        await provider.put([make.record()])
        (index,) = [each for each in await keys() if each.endswith(":records:index")]
        await raw.delete(index)
        await raw.set(index, "text")
        with pytest.raises(Tampered, match="something else"):
            await provider.put([make.record()])
