"""A line that is cut, a server that hangs, a reply that is lost: nothing acknowledged is missing, and all goes on by itself.

The stand-in keeps everything in memory, so it is its line that dies here, not it.
"""

import asyncio
import os
import signal
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from typing import Any

import pytest

from gateway.domain.errors import GatewayError, TooMany, Unavailable
from gateway.domain.record import Record
from gateway.domain.scope import Reach
from gateway.providers.dynamodb import Dynamodb
from gateway.testing.making import Maker, Time, everything, one, scanned

from .conftest import opened
from .cut import wire

WRITERS = 6

Put = Callable[[Record], Awaitable[bool]]


class Load:
    """Writers who write until they are told to stop, and note what was acknowledged and how the rest failed."""

    def __init__(self, put: Put, make: Maker) -> None:
        self._put, self._make = put, make
        self._stop = False
        self.acknowledged: list[Record] = []
        self.failures: list[GatewayError] = []

    async def write(self, writer: int) -> None:
        while not self._stop:
            record = self._make.record(f"of {writer} " + "x" * 200, self._make.scope(f"u{writer}"))
            try:
                if await self._put(record):
                    self.acknowledged.append(record)
            except GatewayError as error:
                self.failures.append(error)
                await asyncio.sleep(0.02)

    async def more(self, number: int) -> None:
        """Until so many more are acknowledged."""
        wanted = len(self.acknowledged) + number
        async with asyncio.timeout(60):
            while len(self.acknowledged) < wanted:  # noqa: ASYNC110 -- six writers, one count
                await asyncio.sleep(0.01)

    async def run(self, meanwhile: Callable[[], Awaitable[None]]) -> None:
        tasks = [asyncio.ensure_future(self.write(n)) for n in range(WRITERS)]
        try:
            await meanwhile()
        finally:
            self._stop = True
            await asyncio.gather(*tasks)

    async def lost(self, provider: Dynamodb) -> set[str]:
        found = {each.id: each for each in await scanned(provider, everything(self._make.tenant), limit=1000)}
        return {each.id for each in self.acknowledged if found.get(each.id) != each}


async def _cut_and_mended(load: Load, settings: dict[str, Any], given: Callable[[str], Awaitable[Any]]) -> None:
    async with wire(settings["endpoint_url"]) as line:
        await given(line.url)

        async def twice() -> None:
            for _ in range(3):
                await load.more(15)
                await line.cut()
                await asyncio.sleep(0.1)
                await line.mend()
            await load.more(15)

        await load.run(twice)


async def test_a_cut_line_loses_nothing_that_was_acknowledged(
    settings: dict[str, Any], clock: Time, make: Maker
) -> None:
    """The same instance goes on: nobody opens it again."""
    async with AsyncExitStack() as stack:
        through: list[Dynamodb] = []

        async def put(record: Record) -> bool:
            return (await through[0].put([record]))[0]

        async def given(url: str) -> None:
            through.append(
                await opened(stack, {**settings, "endpoint_url": url, "timeout": "5s", "connect_timeout": "2s"}, clock)
            )

        load = Load(put, make)
        await _cut_and_mended(load, settings, given)
        assert load.failures
        assert {type(each) for each in load.failures} <= {Unavailable, TooMany}
        assert not [each for each in load.failures if "127.0.0.1" in each.detail or "testing" in each.detail]
        straight = await opened(stack, settings, clock)
        assert not await load.lost(straight)
        assert len(await scanned(straight, everything(make.tenant), limit=1000)) >= len(load.acknowledged)


async def test_who_acknowledges_what_failed_is_found_out(settings: dict[str, Any], clock: Time, make: Maker) -> None:
    """The counter-test: the same load over a provider that takes every failure for done."""
    async with AsyncExitStack() as stack:
        through: list[Dynamodb] = []

        async def put(record: Record) -> bool:
            try:
                return (await through[0].put([record]))[0]
            except GatewayError:
                await asyncio.sleep(0.02)
                return True

        async def given(url: str) -> None:
            through.append(
                await opened(stack, {**settings, "endpoint_url": url, "timeout": "5s", "connect_timeout": "2s"}, clock)
            )

        load = Load(put, make)
        await _cut_and_mended(load, settings, given)
        assert await load.lost(await opened(stack, settings, clock))


async def test_a_lost_reply_is_no_acknowledgement_and_trying_again_writes_nothing_twice(
    settings: dict[str, Any], clock: Time, make: Maker
) -> None:
    async with AsyncExitStack() as stack, wire(settings["endpoint_url"]) as line:
        through = await opened(
            stack, {**settings, "endpoint_url": line.url, "timeout": "2s", "connect_timeout": "2s"}, clock
        )
        straight = await opened(stack, settings, clock)
        unsure = 0
        for late in (0.0, 0.002, 0.005, 0.01, 0.02, 0.04):
            record = make.record()
            waiting = asyncio.ensure_future(through.put([record]))
            await asyncio.sleep(late)
            line.deaf = True
            try:
                await waiting
            except Unavailable:
                unsure += 1
            line.deaf = False
            (stored,) = await through.put([record])
            assert stored in (True, False)
            assert await one(straight, record) == record
        assert unsure
        found = await scanned(straight, everything(make.tenant))
        assert len(found) == len({each.id for each in found}) == 6


async def test_a_server_that_hangs_is_waited_for_no_longer_than_said(
    settings: dict[str, Any], server: Mapping[str, str], clock: Time, make: Maker
) -> None:
    if not server["pid"]:
        pytest.skip("absent: a server of our own to stop")
    async with AsyncExitStack() as stack:
        provider = await opened(stack, {**settings, "timeout": "0.5s", "connect_timeout": "0.5s"}, clock)
        record = make.record()
        os.kill(int(server["pid"]), signal.SIGSTOP)
        try:
            for verb in (
                provider.ping, lambda: provider.put([record]), lambda: provider.get(Reach.only(record.scope), ["x"])
            ):  # fmt: skip
                before = time.monotonic()
                with pytest.raises(Unavailable, match="no answer"):
                    await verb()
                assert time.monotonic() - before < 5
        finally:
            os.kill(int(server["pid"]), signal.SIGCONT)
        patient = await opened(stack, settings, clock)
        await patient.put([record])
        assert await one(patient, record) == record


async def test_nobody_there_is_said_at_the_start(settings: dict[str, Any], clock: Time) -> None:
    async with AsyncExitStack() as stack:
        with pytest.raises(Unavailable, match="no answer"):
            await opened(stack, {**settings, "endpoint_url": "http://127.0.0.1:1", "connect_timeout": "1s"}, clock)
        with pytest.raises(Unavailable, match="cannot be an address"):
            await opened(stack, {**settings, "endpoint_url": "not an address"}, clock)
