"""Two gateways that write the same at once: all agree on one winner, and who lost says so."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from gateway.domain.record import Kind
from gateway.domain.scope import Reach
from gateway.providers.zep.ledger import Ledger
from gateway.providers.zep.parts import Stored
from gateway.providers.zep.writing import Writing
from gateway.testing.making import Maker, Time
from tests.providers.zep.places import Seen, Server, opened


@pytest.fixture
def blind(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first look of each put sees nothing, as if the other were just about to write."""
    read = Ledger.read
    put = Writing._put  # pyright: ignore[reportPrivateUsage] -- the moment between two looks has no other name

    async def looks(self: Ledger, *given: Any, **others: Any) -> list[Stored]:
        return await read(self, *given, **others)

    async def racing(self: Writing, *given: Any) -> Any:
        first = True

        async def nothing(ledger: Ledger, *args: Any, **others: Any) -> list[Stored]:
            nonlocal first
            if first:
                first = False
                return []
            return await looks(ledger, *args, **others)

        monkeypatch.setattr(Ledger, "read", nothing)
        try:
            return await put(self, *given)
        finally:
            monkeypatch.setattr(Ledger, "read", read)

    monkeypatch.setattr(Writing, "_put", racing)


@pytest.mark.usefixtures("blind")
async def test_who_writes_second_without_having_seen_the_first_loses(
    server: Server, prefix: str, seen: Seen, make: Maker, clock: Time
) -> None:
    first = make.record("first")
    second = make.record("second", id=first.id)
    async with opened(server, prefix, clock) as one, opened(server, prefix, clock) as other:
        assert list(await one.put([first])) == [True]
        assert list(await other.put([second])) == [False]
        for provider in (one, other):
            assert list(await provider.get(Reach.only(first.scope), [first.id])) == [first]
        await asyncio.sleep(0.1)
        assert [each.content for each in await seen.episodes()] == ["first"]


@pytest.mark.usefixtures("blind")
async def test_without_looking_again_both_would_believe_that_they_won(
    server: Server, prefix: str, make: Maker, clock: Time, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def adds(self: Any, shelf: Any, chosen: Any) -> tuple[set[str], Sequence[Any]]:
        return set(), await self._add(shelf, list(chosen.values()), keyed=True)

    monkeypatch.setattr(Writing, "_added", adds)
    first = make.record("first")
    async with opened(server, prefix, clock) as one, opened(server, prefix, clock) as other:
        assert list(await one.put([first])) == [True]
        assert list(await other.put([make.record("second", id=first.id)])) == [True]


async def test_two_gateways_at_once_agree(server: Server, prefix: str, make: Maker, clock: Time) -> None:
    async with opened(server, prefix, clock) as one, opened(server, prefix, clock) as other:
        for turn in range(5):
            first = make.record("1", make.scope(run="r"), kind=Kind.MESSAGE if turn % 2 else Kind.MEMORY)
            rivals = [
                make.record(f"{n}", first.scope, id=first.id, kind=first.kind, version=1 + n // 4) for n in range(8)
            ]
            answers = await asyncio.gather(*((one, other)[n % 2].put([each]) for n, each in enumerate(rivals)))
            won = [each for each, (stored,) in zip(rivals, answers, strict=True) if stored]
            newest = [each for each in won if each.version == 2]
            assert len(newest) == 1
            assert len(won) <= 2
            for provider in (one, other):
                assert list(await provider.get(Reach.only(first.scope), [first.id])) == newest
