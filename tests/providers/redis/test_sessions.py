"""Sessions in Redis: they end as a whole and each message renews them; they keep the newest, and never more for a moment."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

from gateway.domain.ports import Order, Revised, Where
from gateway.domain.record import Kind, Record
from gateway.domain.scope import Reach
from gateway.testing.making import Maker, Time, one, scanned
from tests.providers.redis.conftest import Opened

Keys = Callable[[], Awaitable[list[str]]]
MESSAGES = Where(frozenset({Kind.MESSAGE}))


def now() -> datetime:
    return datetime.now(UTC)


def said(make: Maker, text: str, run: str = "s1", **more: Any) -> Record:
    return make.record(text, make.scope("ann", run=run), kind=Kind.MESSAGE, role="user", **more)


async def the(keys: Keys, ending: str) -> str:
    (key,) = [each for each in await keys() if each.endswith(ending)]
    return key


async def test_a_session_ends_an_hour_after_its_last_message(opened: Opened, make: Maker, raw: Any, keys: Keys) -> None:
    async with opened(ttl_seconds=3600) as provider:
        await provider.put([said(make, "first")])
        messages = await the(keys, "}:messages")
        assert 3_590 < await raw.ttl(messages) <= 3_600
        for key in await keys():
            if "}:session:" in key:
                assert 3_590 < await raw.ttl(key) <= 3_600
        await raw.expire(messages, 100)
        await provider.put([said(make, "second")])
        assert 3_590 < await raw.ttl(messages) <= 3_600


async def test_reading_and_refused_writes_renew_nothing(opened: Opened, make: Maker, raw: Any, keys: Keys) -> None:
    first = said(make, "first")
    async with opened(ttl_seconds=3600) as provider:
        await provider.put([first])
        messages = await the(keys, "}:messages")
        await raw.expire(messages, 100)
        assert list(await provider.put([first])) == [False]
        await one(provider, first)
        await scanned(provider, Reach.only(first.scope), MESSAGES)
        assert await raw.ttl(messages) <= 100


async def test_the_clock_ends_a_session_too_and_what_is_said_next_starts_a_new_one(
    opened: Opened, make: Maker, clock: Time
) -> None:
    first, second, third = (said(make, text) for text in ("first", "second", "third"))
    reach = Reach.only(first.scope)
    async with opened(ttl_seconds=60) as provider:
        assert isinstance(provider, Revised)
        await provider.put([first])
        clock.forward(seconds=50)
        await provider.put([second])
        clock.forward(seconds=50)
        assert await scanned(provider, reach, MESSAGES) == [second, first]
        before = await provider.revision(reach)
        clock.forward(seconds=10)
        assert await scanned(provider, reach, MESSAGES) == []
        assert await one(provider, first) is None
        assert await provider.revision(reach) != before
        assert await provider.delete(reach, [first.id]) == 0
        await provider.put([third])
        assert await scanned(provider, reach, MESSAGES) == [third]
        assert list(await provider.put([first])) == [True]


async def test_redis_itself_removes_a_session_that_ended(opened: Opened, make: Maker, keys: Keys) -> None:
    async with opened(now, ttl_seconds=0.2) as provider:
        await provider.put([said(make, "first")])
        assert any(":messages" in key for key in await keys())
        await asyncio.sleep(0.25)
        assert not any(":messages" in key or ":session:" in key for key in await keys())
        await asyncio.sleep(0.25)
        assert not any(":id:" in key for key in await keys())


async def test_ids_of_a_long_session_stay_its_own(opened: Opened, make: Maker) -> None:
    first = said(make, "first")
    async with opened(now, ttl_seconds=0.4) as provider:
        await provider.put([first])
        for number in range(6):
            await asyncio.sleep(0.2)
            await provider.put([said(make, str(number))])
        other = said(make, "other", run="s2", id=first.id, version=9)
        assert list(await provider.put([other])) == [False]
        assert await one(provider, first) == first


async def test_a_route_that_no_longer_wants_ends_keeps_the_session(
    opened: Opened, make: Maker, raw: Any, keys: Keys
) -> None:
    async with opened(ttl_seconds=60) as ending, opened() as lasting:
        await ending.put([said(make, "first")])
        await lasting.put([said(make, "second")])
        assert {await raw.ttl(key) for key in await keys() if "}:session:" in key or "}:messages" in key} == {-1}


async def test_sixty_messages_leave_the_last_fifty_in_order(opened: Opened, make: Maker, keys: Keys) -> None:
    messages = [said(make, f"#{n}") for n in range(1, 61)]
    session = make.record("", messages[0].scope, kind=Kind.SESSION, created_at=messages[0].created_at)
    async with opened(max_messages=50) as provider:
        for message in messages:
            await provider.put([session, message])
        kept = await scanned(provider, Reach.only(session.scope), MESSAGES, order=Order.OLDEST)
        assert [each.text for each in kept] == [f"#{n}" for n in range(11, 61)]
        assert await one(provider, session) == session
        assert await one(provider, messages[0]) is None
        assert len([key for key in await keys() if ":id:" in key]) == 51


async def test_many_writers_lose_nothing_and_nobody_ever_sees_one_too_many(
    opened: Opened, make: Maker, raw: Any, keys: Keys
) -> None:
    messages = [said(make, f"#{n}") for n in range(200)]
    seen: list[int] = []
    async with opened(max_messages=20) as provider, opened(max_messages=20) as other:
        await provider.put(messages[:1])
        order = await the(keys, ":order:message")

        async def watch() -> None:
            while len(seen) < 100:
                seen.append(await raw.zcard(order))

        puts = [(provider, other)[n % 2].put([message]) for n, message in enumerate(messages[1:])]
        await asyncio.gather(watch(), *puts)
        assert max(seen) == 20
        kept = await scanned(provider, Reach.only(messages[0].scope), MESSAGES, order=Order.OLDEST)
        assert kept == messages[-20:]
