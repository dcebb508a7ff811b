"""What stands in the table: readable items under hashed keys, numbers as they were, long records in parts, a ttl."""

import asyncio
import math
import re
from contextlib import AsyncExitStack
from typing import Any

import msgspec
import pytest

from gateway.domain.errors import Tampered, TooLarge, Unavailable
from gateway.domain.ports import Scan
from gateway.domain.scope import Reach
from gateway.providers import documents
from gateway.providers.dynamodb import Dynamodb
from gateway.providers.dynamodb.table import Change
from gateway.testing import hostile
from gateway.testing.making import MEMORIES, Maker, Time, everything, one, scanned

from .conftest import opened, options


def _table(provider: Any) -> Any:
    return provider._layout._table


async def items(raw: Any, table: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    asked: dict[str, Any] = {"TableName": table}
    while True:
        page = await raw.scan(**asked)
        found += page["Items"]
        if "LastEvaluatedKey" not in page:
            return found
        asked["ExclusiveStartKey"] = page["LastEvaluatedKey"]


async def test_a_record_is_one_readable_item_and_its_place(
    provider: Dynamodb, raw: Any, table: str, make: Maker
) -> None:
    record = make.record(
        "Ann likes tea", make.scope("ann", run="s1"), metadata={"n": 0.1}, ttl=3600.5, vector=make.vector()
    )
    await provider.put([record])
    place, item = sorted(await items(raw, table), key=lambda each: "Document" in each)
    document = msgspec.json.decode(item["Document"]["S"])
    assert (document["content"], document["user_id"], document["run_id"]) == ("Ann likes tea", "ann", "s1")
    assert item["Vector"]["B"] == record.vector
    assert item["PK"]["S"] == f"s#{record.scope.key().hex()}"
    assert item["SK"]["S"] == f"memory#{record.created_at.isoformat(timespec='microseconds')}#{record.id}"
    assert re.fullmatch(r"t#[0-9a-f]{64}", place["PK"]["S"])
    assert msgspec.json.decode(place["Place"]["S"])["sort"] == item["SK"]["S"]
    assert record.expires_at is not None
    assert item["ttl"] == place["ttl"] == {"N": str(math.ceil(record.expires_at.timestamp()))}


async def test_the_table_is_made_paid_per_request_and_removes_what_expired(
    provider: Dynamodb, raw: Any, table: str
) -> None:
    assert provider is not None
    made = (await raw.describe_table(TableName=table))["Table"]
    assert made["BillingModeSummary"]["BillingMode"] == "PAY_PER_REQUEST"
    expiry = (await raw.describe_time_to_live(TableName=table))["TimeToLiveDescription"]
    assert expiry == {"TimeToLiveStatus": "ENABLED", "AttributeName": "ttl"}


async def test_what_expired_and_is_still_there_is_not_read(
    provider: Dynamodb, raw: Any, table: str, make: Maker, clock: Time
) -> None:
    record = make.record(ttl=10)
    await provider.put([record])
    clock.forward(seconds=11)
    assert len(await items(raw, table)) == 2
    assert await one(provider, record) is None
    assert await scanned(provider, everything(make.tenant)) == []


async def test_what_the_table_removed_early_is_gone_and_can_come_again(
    provider: Dynamodb, raw: Any, table: str, make: Maker
) -> None:
    """The table removes a record and its place one after the other, in any order."""
    halves = [make.record(), make.record()]
    await provider.put(halves)
    for item in await items(raw, table):
        kept = halves[0] if "Document" in item else halves[1]
        if kept.id in item.get("Document", item.get("Place", {}))["S"]:
            await raw.delete_item(TableName=table, Key={name: item[name] for name in ("PK", "SK")})
    assert len(await items(raw, table)) == 2
    assert [await one(provider, each) for each in halves] == [None, None]
    newer = [msgspec.structs.replace(each, version=2) for each in halves]
    assert list(await provider.put(newer)) == [True, True]
    assert [await one(provider, each) for each in halves] == newer
    assert await scanned(provider, everything(make.tenant)) == newer[::-1]


@pytest.mark.parametrize("number", range(len(hostile.METADATA)))
async def test_numbers_are_not_rounded(number: int, provider: Dynamodb, make: Maker) -> None:
    record = make.record(metadata=hostile.METADATA[number])
    await provider.put([record])
    found = await one(provider, record)
    assert found is not None
    assert [repr(each) for each in found.metadata.items()] == [repr(each) for each in record.metadata.items()]


@pytest.mark.parametrize("size", [100_000, 370_000, 400_000, 1_000_000, 2_500_000])
async def test_a_record_longer_than_an_item_is_kept_in_parts(
    size: int, provider: Dynamodb, raw: Any, table: str, make: Maker
) -> None:
    record = make.record("\U0001f9e0" * (size // 4), ttl=60, vector=make.vector())
    assert list(await provider.put([record])) == [True]
    assert await one(provider, record) == record
    assert await scanned(provider, Reach.only(record.scope), vectors=True) == [record]
    assert await scanned(provider, everything(make.tenant), vectors=True) == [record]
    kept = await items(raw, table)
    assert all("ttl" in each for each in kept)
    short = make.record("short", id=record.id, version=2)
    assert list(await provider.put([short])) == [True]
    assert len(await items(raw, table)) == 2, "parts of the old version are left"
    longer = make.record("x" * size, id=record.id, version=3)
    assert list(await provider.put([longer])) == [True]
    assert await one(provider, longer) == longer
    assert await provider.delete(Reach.only(record.scope), [record.id]) == 1
    assert await items(raw, table) == []


async def test_what_no_transaction_holds_is_refused_in_words(
    provider: Dynamodb, raw: Any, table: str, make: Maker
) -> None:
    small, huge = make.record("small"), make.record("x" * 4_100_000)
    with pytest.raises(TooLarge, match="4 MB"):
        await provider.put([small, huge])
    assert await items(raw, table) == []


async def test_the_table_itself_refuses_what_is_cut_here(provider: Dynamodb, raw: Any, table: str) -> None:
    """The counter-test to the two above: an item of 400 kB is refused by the server."""
    assert provider is not None
    with pytest.raises(Exception, match="exceeded the maximum allowed size"):
        await raw.put_item(TableName=table, Item={"PK": {"S": "x"}, "SK": {"S": "x"}, "d": {"S": "x" * 410_000}})


async def test_a_scope_of_many_megabytes_is_read_to_its_end(
    provider: Dynamodb, raw: Any, table: str, make: Maker
) -> None:
    records = [make.record(f"{n} " + "x" * 200_000) for n in range(16)]
    for start in range(0, 16, 4):
        await provider.put(records[start : start + 4])
    cut = await raw.query(
        TableName=table, KeyConditionExpression="PK = :p",
        ExpressionAttributeValues={":p": {"S": f"s#{records[0].scope.key().hex()}"}},
    )  # fmt: skip
    assert "LastEvaluatedKey" in cut, "the server does not cut at 1 MB, so this proves nothing"
    assert await scanned(provider, Reach.only(records[0].scope), limit=1000) == records[::-1]
    assert list(await provider.get(Reach.only(records[0].scope), [each.id for each in records])) == records


async def test_a_page_reads_no_more_than_it_shows(provider: Dynamodb, make: Maker) -> None:
    """Reading is paid for by what is read, not by what comes of it."""
    records = make.records(400)
    await provider.put(records)
    asked: list[int] = []
    table: Any = _table(provider)
    sent = table.call

    async def watched(verb: str, **more: Any) -> Any:
        reply = await sent(verb, **more)
        asked.append(reply.get("ScannedCount", 0))
        return reply

    table.call = watched
    page = await provider.scan(Reach.only(make.scope()), Scan(where=MEMORIES, limit=5))
    assert list(page.records) == records[:-6:-1]
    assert sum(asked) < 10


async def _rivals(provider: Dynamodb, make: Maker) -> int:
    """How many of ten that write the same version at once are told that they did."""
    first = make.record()
    rivals = [make.record(f"{n}", id=first.id, version=1) for n in range(10)]
    answers = await asyncio.gather(*(provider.put([each]) for each in rivals))
    return sum(stored for (stored,) in answers)


async def test_one_of_rivals_wins_because_the_place_must_be_as_it_was(
    provider: Dynamodb, make: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert await _rivals(provider, make) == 1
    table = _table(provider)
    told = table._told

    def unconditional(change: Change) -> Any:
        return told(msgspec.structs.replace(change, only_if=None, new=False))

    monkeypatch.setattr(table, "_told", unconditional)
    assert await _rivals(provider, make) > 1


async def test_a_place_that_was_tampered_with_is_said_so(provider: Dynamodb, raw: Any, table: str, make: Maker) -> None:
    record = make.record()
    await provider.put([record])
    for item in await items(raw, table):
        for name in ("Document", "Place"):
            if name in item:
                await raw.put_item(TableName=table, Item={**item, name: {"S": "{}"}})
    with pytest.raises(Tampered):
        await one(provider, record)


async def test_an_item_of_another_scope_under_our_key_is_not_shown(
    provider: Dynamodb, raw: Any, table: str, make: Maker
) -> None:
    mine, theirs = make.record("mine"), make.record("theirs", make.scope("bob"))
    await provider.put([mine])
    (item,) = [each for each in await items(raw, table) if "Document" in each]
    await raw.put_item(TableName=table, Item={**item, "Document": {"S": documents.written(theirs).decode()}})
    assert await one(provider, mine) is None
    assert await scanned(provider, Reach.only(mine.scope)) == []


async def test_a_table_with_other_keys_is_refused(
    stack: AsyncExitStack, provider: Dynamodb, settings: dict[str, Any], clock: Time
) -> None:
    assert provider is not None
    with pytest.raises(
        Unavailable, match=r"has the keys PK \(HASH, S\), SK \(RANGE, S\).*needs session_id \(HASH, S\)"
    ):
        await opened(stack, {**settings, "primary_key_name": "session_id", "sort_key_name": None}, clock)


async def test_no_table_is_made_where_none_may_be(stack: AsyncExitStack, settings: dict[str, Any], clock: Time) -> None:
    with pytest.raises(Unavailable, match="auto_create"):
        await opened(stack, {**settings, "auto_create": False}, clock)
    await opened(stack, settings, clock)
    await opened(stack, {**settings, "auto_create": False}, clock)


@pytest.mark.parametrize("sort", ["SK", None], ids=["with a sort key", "hash only"])
async def test_tables_with_and_without_a_sort_key_are_used(
    sort: str | None, stack: AsyncExitStack, settings: dict[str, Any], clock: Time, make: Maker, raw: Any, table: str
) -> None:
    """Made beforehand, by whoever makes tables, exactly as the frameworks' manuals say."""
    names = {"HASH": "session_id"} | ({"RANGE": sort} if sort else {})
    await raw.create_table(
        TableName=table, BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in names.values()],
        KeySchema=[{"AttributeName": name, "KeyType": kind} for kind, name in names.items()],
    )  # fmt: skip
    given = {**settings, "primary_key_name": "session_id", "sort_key_name": sort, "auto_create": False}
    records = make.records(60)
    first = await opened(stack, given, clock)
    assert all(await first.put(records))
    second = await opened(stack, given, clock)
    assert await scanned(second, Reach.only(make.scope()), limit=7) == records[::-1]
    assert await second.delete(Reach.only(make.scope()), [each.id for each in records]) == 60
    assert await items(raw, table) == []


async def test_expiry_that_goes_by_another_attribute_is_left_alone(
    stack: AsyncExitStack, provider: Dynamodb, settings: dict[str, Any], raw: Any, table: str, clock: Time
) -> None:
    assert provider is not None
    switch = {"Enabled": False, "AttributeName": "ttl"}
    await raw.update_time_to_live(TableName=table, TimeToLiveSpecification=switch)
    await raw.update_time_to_live(TableName=table, TimeToLiveSpecification={"Enabled": True, "AttributeName": "theirs"})
    await opened(stack, settings, clock)
    told = (await raw.describe_time_to_live(TableName=table))["TimeToLiveDescription"]
    assert told["AttributeName"] == "theirs"


FENCE = {"layout": "fence", "primary_key_value": "{user_id}", "tenant": "acme"}


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"table_name": None}, "one of the two"),
        ({"table": "other"}, "one of the two"),
        ({"secret_access_key": None}, "go together"),
        ({"access_key_id": None, "secret_access_key": None, "session_token": "x"}, "missing"),
        ({"tenant": "acme"}, "belongs to `layout: fence`"),
        ({"primary_key_value": "x"}, "belongs to `layout: fence`"),
        ({"layout": "fence", "tenant": "acme"}, "needs the `primary_key_value`"),
        ({**FENCE, "tenant": None}, "whose messages"),
        ({**FENCE, "primary_key_value": "{tenant_id}"}, "not both"),
        ({**FENCE, "sort_key_value": "main"}, "sessions would be one"),
        ({**FENCE, "sort_key_name": None}, "needs a table with a sort key"),
        ({**FENCE, "primary_key_value": "{user}"}, "is not one of"),
        ({**FENCE, "primary_key_value": "{user_id}{agent_id}"}, "nothing between"),
        ({**FENCE, "primary_key_value": "{user_id}/{user_id}"}, "twice"),
        ({**FENCE, "extra_fields": {"Role": "x"}}, "used already"),
    ],
)  # fmt: skip
def test_wrong_options_are_told_in_words(wrong: dict[str, Any], words: str) -> None:
    given = {"table_name": "t", "access_key_id": "a", "secret_access_key": "b", **wrong}
    with pytest.raises(msgspec.ValidationError, match=re.escape(words)):
        options({name: value for name, value in given.items() if value is not None or name == "sort_key_name"})


def test_no_option_shows_its_secrets() -> None:
    given = options(
        {"table": "t", "access_key_id": "AKIAEXAMPLE", "secret_access_key": "hush", "session_token": "psst"}
    )
    assert not {"AKIAEXAMPLE", "hush", "psst"} & set(re.findall(r"\w+", repr(given) + repr(given.access())))
