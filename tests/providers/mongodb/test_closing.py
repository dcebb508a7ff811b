"""Both drivers go when the stack closes: no thread of a client, no task, no connection stays."""

import asyncio
import threading
from typing import Any

import pytest

from gateway.domain.scope import Reach
from gateway.testing.making import Maker
from tests.providers.mongodb.conftest import Opened

both = pytest.mark.parametrize("driver", ["pymongo", "motor"])


def threads() -> set[str]:
    """Those of clients. Motor's executor is the process's, and stays with it."""
    return {each.name for each in threading.enumerate() if each.name.startswith("pymongo")}


async def settled(before: set[Any]) -> set[Any]:
    """The tasks that are there and were not before, once those that end have ended."""
    for _ in range(50):
        left = {task for task in asyncio.all_tasks() - before if not task.done()}
        if not left and not threads():
            break
        await asyncio.sleep(0.05)
    return {task for task in asyncio.all_tasks() - before if not task.done()}


@both
async def test_nothing_stays_when_the_provider_is_closed(driver: str, opened: Opened, make: Maker) -> None:
    before = asyncio.all_tasks()
    for _ in range(3):
        async with opened(driver=driver) as provider:
            await asyncio.gather(*(provider.put([make.record()]) for _ in range(20)))
            await provider.get(Reach.only(make.scope()), ["x"])
    assert await settled(before) == set()
    assert threads() == set()


@both
async def test_a_failed_opening_leaves_nothing_either(driver: str, opened: Opened) -> None:
    before = asyncio.all_tasks()
    with pytest.raises(Exception, match="cannot be reached"):
        async with opened(driver=driver, url="mongodb://127.0.0.1:1", connect_timeout="100ms"):
            pass
    assert await settled(before) == set()
    assert threads() == set()


@both
async def test_a_client_that_is_open_is_seen(driver: str, opened: Opened) -> None:
    before = asyncio.all_tasks()
    async with opened(driver=driver):
        assert threads() or asyncio.all_tasks() - before


async def test_motors_executor_does_not_grow_with_the_openings(opened: Opened, make: Maker) -> None:
    async def once() -> int:
        async with opened(driver="motor") as provider:
            await asyncio.gather(*(provider.put([make.record()]) for _ in range(60)))
        await settled(asyncio.all_tasks())
        return threading.active_count()

    first = await once()  # as many threads as it will ever have
    assert [await once() for _ in range(4)][-1] <= first
