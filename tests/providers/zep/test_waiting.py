"""Zep takes things in later: what that means for reading, for searching and for `wait`."""

from collections.abc import Iterator

import pytest

from gateway.domain.errors import DeadlineExceeded
from gateway.domain.scope import Reach
from gateway.testing.making import MEMORIES, Maker, Time, scanned
from tests.providers.zep.places import Server, opened
from tests.servers.zep import KEY, Running

DELAY = 0.6


@pytest.fixture(scope="module")
def slow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Running(tmp_path_factory.mktemp("slow"), delay=DELAY)
    server.start()
    yield {"url": server.url, "api_key": KEY}
    server.stop()


async def test_with_wait_a_search_right_after_finds_it(slow: Server, prefix: str, make: Maker, clock: Time) -> None:
    record = make.record("Ann likes tea")
    async with opened(slow, prefix, clock, wait=True) as provider:
        await provider.put([record])
        hits = await provider.relevant(Reach.only(record.scope), "tea", MEMORIES, 5)
        assert [hit.record for hit in hits] == [record]


async def test_without_wait_it_can_be_read_at_once_and_searched_later(
    slow: Server, prefix: str, make: Maker, clock: Time
) -> None:
    record = make.record("Ann likes tea")
    reach = Reach.only(record.scope)
    async with opened(slow, prefix, clock) as provider:
        await provider.put([record])
        assert list(await provider.get(reach, [record.id])) == [record]
        assert await scanned(provider, reach) == [record]
        assert await provider.relevant(reach, "tea", MEMORIES, 5) == []  # so it is `wait` that makes the difference


async def test_a_wait_that_is_too_long_is_told_and_the_record_is_kept(
    slow: Server, prefix: str, make: Maker, clock: Time
) -> None:
    record = make.record("Ann likes tea")
    async with opened(slow, prefix, clock, wait=True, wait_timeout="100ms") as provider:
        with pytest.raises(DeadlineExceeded) as late:
            await provider.put([record])
        assert late.value.code == "zep_task_pending"
        assert list(await provider.get(Reach.only(record.scope), [record.id])) == [record]


async def test_a_delete_returns_when_it_is_done(slow: Server, prefix: str, make: Maker, clock: Time) -> None:
    records = make.records(5)
    reach = Reach.only(make.scope())
    async with opened(slow, prefix, clock) as provider:
        await provider.put(records)
        assert await provider.delete(reach, [each.id for each in records]) == 5
        assert await scanned(provider, reach) == []
    async with opened(slow, prefix, clock, wait_timeout="100ms") as hasty:
        await hasty.put(records)
        with pytest.raises(DeadlineExceeded):
            await hasty.delete(reach, [records[0].id])
