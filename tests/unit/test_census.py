"""What a scrape says of providers: who answers, who does not, and that one that hangs hides no other."""

import asyncio
import time

from gateway.domain.errors import Unavailable
from gateway.domain.ports import Count
from gateway.domain.record import Kind
from gateway.runtime.census import census


class Counting:
    async def count(self) -> dict[Kind, Count]:
        return {Kind.MEMORY: Count(3, 30)}


class Answering:
    async def ping(self) -> None:
        await asyncio.sleep(0.01)


class Away(Counting):
    async def ping(self) -> None:
        raise Unavailable("nobody there")


class Hanging:
    async def ping(self) -> None:
        await asyncio.sleep(60)


class Uncounted(Answering):
    async def count(self) -> dict[Kind, Count]:
        raise Unavailable("cannot now")


async def test_each_is_told_as_it_is_and_nobody_waits_for_another() -> None:
    began = time.perf_counter()
    live = [("c", Counting()), ("a", Answering()), ("w", Away()), ("h", Hanging()), ("u", Uncounted()), ("x", object())]
    found = await census(live, seconds=0.3)
    assert time.perf_counter() - began < 1.5
    assert {name: standing.up for name, standing in found.items()} == {
        "c": True, "a": True, "w": False, "h": False, "u": True,
    }  # fmt: skip
    assert found["c"].holds == {Kind.MEMORY: Count(3, 30)}
    assert found["w"].holds is None
    assert found["u"].holds is None
    assert 0.01 <= found["a"].seconds < 0.3
