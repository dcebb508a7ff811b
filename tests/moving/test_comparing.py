"""A comparison finds every sort of difference, by its id, and finds none where there is none."""

from collections.abc import Awaitable, Callable, Sequence

import msgspec
import pytest

from gateway.domain.ports import Page, Provider, Scan
from gateway.domain.record import Kind, Record
from gateway.domain.scope import Reach
from gateway.services.moving import comparing
from gateway.services.moving.comparing import Sort, compared
from gateway.services.moving.way import Way, digest, whole
from tests.moving.stores import memory, plain, real, way
from tests.moving.watched import Watched

RECORDS = [plain(number) for number in range(2_500)]
ONE = RECORDS[1_234]

Harm = Callable[[Provider], Awaitable[object]]


async def replaced(provider: Provider, record: Record) -> None:
    await provider.delete(whole("acme"), [record.id])
    await provider.put([record])


async def flipped(provider: Provider) -> None:
    await replaced(provider, msgspec.structs.replace(ONE, text=ONE.text.replace("n", "m")))


async def sooner(provider: Provider) -> None:
    await replaced(provider, msgspec.structs.replace(ONE, expires_at=real().replace(year=2100)))


async def elsewhere(provider: Provider) -> None:
    await replaced(provider, msgspec.structs.replace(ONE, scope=msgspec.structs.replace(ONE.scope, user="other")))


async def truth(provider: Provider) -> None:
    await replaced(provider, msgspec.structs.replace(ONE, metadata={"n": True}))


async def lost(provider: Provider) -> None:
    await provider.delete(whole("acme"), [ONE.id])


async def added(provider: Provider) -> None:
    await provider.put([msgspec.structs.replace(ONE, id="extra")])


async def harmed(harm: Harm) -> comparing.Comparison:
    async with memory() as old, memory() as new:
        await old.put(RECORDS)
        await new.put(RECORDS)
        await harm(new)
        return await compared(way(old, new), "acme")


@pytest.mark.parametrize(
    ("harm", "sort", "id_"),
    [
        (flipped, Sort.DIFFERENT, ONE.id),
        (sooner, Sort.DIFFERENT, ONE.id),
        (elsewhere, Sort.DIFFERENT, ONE.id),
        (truth, Sort.DIFFERENT, ONE.id),
        (lost, Sort.MISSING, ONE.id),
        (added, Sort.EXTRA, "extra"),
    ],
)
async def test_one_of_many_that_differs_is_found(harm: Harm, sort: Sort, id_: str) -> None:
    comparison = await harmed(harm)
    assert [(each.sort, each.kind, each.id) for each in comparison.differences] == [(sort, Kind.MEMORY, id_)]
    assert comparison.source[Kind.MEMORY].digest != comparison.target[Kind.MEMORY].digest
    assert not comparison.same


@pytest.mark.parametrize("harm", [flipped, sooner, elsewhere, truth])
async def test_without_digests_a_difference_would_not_be_found(harm: Harm, monkeypatch: pytest.MonkeyPatch) -> None:
    def blind(_way: Way, record: Record) -> int:
        return len(record.id)

    monkeypatch.setattr(Way, "sent", blind)
    monkeypatch.setattr(Way, "arrived", blind)
    assert (await harmed(harm)).same


async def test_two_sides_that_hold_the_same_have_the_same_digests() -> None:
    async with memory() as old, memory() as new:
        await old.put(RECORDS)
        await new.put(RECORDS[::-1])
        comparison = await compared(way(old, new), "acme")
        assert comparison.same and comparison.source[Kind.MEMORY].records == len(RECORDS)


class Reversed(Watched):
    """A store with another order of its pages' records."""

    async def scan(self, reach: Reach, scan: Scan) -> Page:
        page = await super().scan(reach, scan)
        return Page(page.records[::-1], page.next)


async def test_another_order_makes_no_differences() -> None:
    async with memory() as old, memory() as new:
        await old.put(RECORDS)
        await new.put(RECORDS)
        comparison = await compared(way(old, Reversed(new)), "acme")
        assert comparison.same and comparison.target[Kind.MEMORY].records == len(RECORDS)


async def test_a_write_during_the_comparison_that_reaches_both_makes_no_difference() -> None:
    async with memory() as old, memory() as new:
        await old.put(RECORDS)
        await new.put(RECORDS)

        async def act(scan: int) -> None:
            if scan == 2:
                newer = [msgspec.structs.replace(each, version=2, text="new") for each in RECORDS[:1_000]]
                await old.put(newer)
                await new.put(newer)

        assert (await compared(way(Watched(old, after_scan=act), new), "acme")).same


def test_a_digest_counts_what_a_record_says_and_not_how_a_store_writes_it() -> None:
    def of(**changes: object) -> int:
        record: Record = msgspec.structs.replace(ONE, **changes)
        return digest(record, record.vector)

    assert of(metadata={"a": 1, "b": [2.0]}) == of(metadata={"b": [2], "a": 1.0})
    fields: Sequence[dict[str, object]] = [
        {}, {"text": ""}, {"body": b"1"}, {"role": "x"}, {"version": 2}, {"vector": b"1234"}, {"kind": Kind.KEY},
        {"metadata": {"n": "1234"}}, {"metadata": {"n": 1234.5}}, {"updated_at": real()},
    ]  # fmt: skip
    assert len({of(**changes) for changes in fields}) == len(fields)
