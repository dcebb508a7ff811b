"""What fails in the server or on the way is told in our words, once, and is over when the server is well again."""

import asyncio
import time
from typing import Any

import pytest

from gateway.domain.errors import Unavailable
from gateway.domain.filters import Compare
from gateway.domain.ports import Scan, Where
from gateway.domain.record import Kind
from gateway.domain.scope import Reach
from gateway.testing.making import MEMORIES, Maker, one, scanned
from tests.providers.mongodb.conftest import Opened

both = pytest.mark.parametrize("driver", ["pymongo", "motor"])


@both
@pytest.mark.parametrize(
    ("fault", "code"),
    [
        ({"errorCode": 10107}, "mongodb_unreachable"), ({"errorCode": 11600}, "mongodb_unreachable"),
        ({"errorCode": 50}, "mongodb_timeout"), ({"errorCode": 18}, "mongodb_refused"),
        ({"errorCode": 13}, "mongodb_refused"), ({"errorCode": 2}, "mongodb_failed"),
        ({"closeConnection": True}, "mongodb_unreachable"),
    ],
    ids=str,
)  # fmt: skip
async def test_a_failed_command_is_told_once_and_the_next_one_works(
    fault: dict[str, Any], code: str, driver: str, opened: Opened, make: Maker, failing: Any
) -> None:
    record = make.record("a secret text")
    async with opened(driver=driver) as provider:
        for verb, asked in (
            ("update", lambda: provider.put([record])), ("find", lambda: provider.get(Reach.only(record.scope), ["x"])),
            ("delete", lambda: provider.delete(Reach.only(record.scope), ["x"])), ("ping", provider.ping),
        ):  # fmt: skip
            await failing(verb, **fault)  # once: a driver that tried again would succeed
            with pytest.raises(Unavailable) as caught:
                await asked()
            assert caught.value.code == code, verb
            assert "secret" not in caught.value.detail and caught.value.__suppress_context__
            await asked()
        assert await one(provider, record) == record


@both
async def test_a_server_that_hangs_is_not_waited_for(driver: str, opened: Opened, make: Maker, failing: Any) -> None:
    async with opened(driver=driver, timeout="200ms") as provider:
        await failing("find", blockConnection=True, blockTimeMS=1500)
        started = time.monotonic()
        with pytest.raises(Unavailable) as caught:
            await provider.get(Reach.only(make.scope()), ["x"])
        assert caught.value.code == "mongodb_timeout"
        assert time.monotonic() - started < 1.2


async def test_a_cursor_that_the_server_lost_is_an_error_and_not_an_end(
    opened: Opened, make: Maker, failing: Any
) -> None:
    async with opened() as provider:
        await provider.put(make.records(600))
        await failing("getMore", errorCode=43)
        with pytest.raises(Unavailable):
            await provider.scan(Reach.only(make.scope()), Scan(where=MEMORIES, limit=1000))
        assert len(await scanned(provider, Reach.only(make.scope()), limit=1000)) == 600


@both
async def test_a_page_that_is_full_leaves_no_cursor_behind(driver: str, opened: Opened, make: Maker, raw: Any) -> None:
    where = Where(frozenset({Kind.MEMORY}), Compare("icontains", "NOTE", field="text"))  # which the server cannot test

    async def cursors() -> int:
        return (await raw.command("serverStatus"))["metrics"]["cursor"]["open"]["total"]

    async with opened(driver=driver) as provider:
        await provider.put(make.records(700))
        before = await cursors()
        page = await provider.scan(Reach.only(make.scope()), Scan(where=where, limit=3))
        assert len(page.records) == 3 and page.next is not None
        for _ in range(50):
            if await cursors() == before:
                break
            await asyncio.sleep(0.02)
        assert await cursors() == before


async def test_a_cursor_that_is_not_closed_is_seen(opened: Opened, make: Maker, raw: Any, name: str) -> None:
    async with opened() as provider:
        await provider.put(make.records(30))
        cursor = raw[name].find({}, batch_size=10)
        await cursor.next()
        assert (await raw.command("serverStatus"))["metrics"]["cursor"]["open"]["total"] >= 1
        await cursor.close()


@both
async def test_a_batch_that_fails_in_the_middle_is_told_and_can_be_sent_again(
    driver: str, opened: Opened, make: Maker, failing: Any
) -> None:
    """Not atomic: what the commands before stored stays, and the whole batch again leaves everything stored."""
    records = make.records(600)
    async with opened(driver=driver) as provider:
        await failing("update", skip=1, errorCode=10107)
        with pytest.raises(Unavailable):
            await provider.put(records)
        await failing("update", times=0)
        stored = await scanned(provider, Reach.only(make.scope()), limit=1000)
        assert 0 < len(stored) < 600
        answers = await provider.put(records)
        assert answers.count(False) == len(stored)
        assert await scanned(provider, Reach.only(make.scope()), limit=1000) == records[::-1]
