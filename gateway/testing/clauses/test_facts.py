"""What a provider says about itself is true: its capabilities, its revisions, its counts."""

from typing import TYPE_CHECKING

import pytest

from gateway.domain.ports import (
    Briefs,
    Counted,
    Extracts,
    Fused,
    Matching,
    Nearest,
    Pinged,
    Provider,
    Relevant,
    Replaces,
    Revised,
    Scan,
    Sweeps,
)  # fmt: skip
from gateway.domain.record import Kind, Record
from gateway.domain.scope import Reach, Scope
from gateway.testing.making import MEMORIES, Maker, everything, scanned
from gateway.testing.subjects import DIMENSION, Place, Subject

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable


async def test_declared_capabilities_are_there(subject: Subject, place: Place, provider: Provider) -> None:
    declared = subject.capabilities(place)
    assert declared.kinds
    assert isinstance(provider, Provider)
    for named, protocol in (
        (declared.nearest, Nearest), (declared.matching, Matching), (declared.sweeps, Sweeps),
        (declared.revised, Revised), (declared.counted, Counted), (declared.relevant, Relevant),
        (declared.fuses, Fused), (declared.extracts, Extracts), (declared.briefs, Briefs), (declared.pinged, Pinged),
        (declared.replaces, Replaces),
    ):  # fmt: skip
        assert not named or isinstance(provider, protocol)


async def test_capabilities_and_construction_need_no_backend(subject: Subject, place: Place, make: Maker) -> None:
    nowhere = Place(place.home / "nowhere", "nothing", dict.fromkeys(place.server, "127.0.0.1:1"))
    subject.build(nowhere, lambda: make.record().created_at)
    assert subject.capabilities(nowhere).kinds == subject.capabilities(place).kinds
    assert not (place.home / "nowhere").exists()


@pytest.mark.needs("revised")
async def test_the_revision_differs_after_every_change(provider: Provider, make: Maker) -> None:
    assert isinstance(provider, Revised)
    reach = Reach.only(make.scope())
    records = make.records(3)
    newer = make.record(id=records[0].id, version=2)
    changes: list[Callable[[], Awaitable[object]]] = [
        lambda: provider.put([records[0]]),
        lambda: provider.put([newer]),
        lambda: provider.delete(reach, [newer.id]),
        lambda: provider.put([newer]),
        lambda: provider.put(records[1:]),
        lambda: provider.delete(reach, [records[1].id]),
        lambda: provider.delete(reach, [records[2].id, newer.id]),
        lambda: provider.put([records[0]]),
    ]
    for each in (reach, Reach(make.tenant, "default", None), everything(make.tenant)):
        last = await provider.revision(each)
        held: dict[bytes, list[Record]] = {last: []}
        for number, change in enumerate(changes):
            await change()
            now = await provider.revision(each)
            assert now != last, f"change {number} cannot be seen"
            content = await scanned(provider, each)
            assert held.setdefault(now, content) == content, f"change {number} looks like an earlier state"
            last = now
        await provider.delete(reach, [record.id for record in records])


@pytest.mark.needs("revised")
async def test_the_revision_stays_where_nothing_changed(provider: Provider, make: Maker) -> None:
    assert isinstance(provider, Revised)
    record = make.record(version=3, vector=make.vector(DIMENSION))
    reach = Reach.only(record.scope)
    await provider.put([record])
    before = await provider.revision(reach)
    await provider.get(reach, [record.id])
    await provider.scan(reach, Scan(where=MEMORIES, limit=10))
    await provider.put([make.record(id=record.id, version=2)])
    await provider.delete(reach, ["nothing"])
    await provider.put([make.record(scope=make.scope("bob"))])
    await provider.put([make.record(scope=Scope(make.tenant + "0", "default", "ann"))])
    assert await provider.revision(reach) == before


@pytest.mark.needs("revised")
async def test_a_wide_revision_sees_scopes_come_and_go(provider: Provider, make: Maker) -> None:
    assert isinstance(provider, Revised)
    wide = Reach(make.tenant, "default", None)
    records = [make.record(scope=make.scope(user)) for user in ("ann", "bob", "cat")]
    seen: list[bytes] = [await provider.revision(wide)]
    for record in records:
        await provider.put([record])
        seen.append(await provider.revision(wide))
    await provider.delete(Reach.only(records[1].scope), [records[1].id])
    seen.append(await provider.revision(wide))
    await provider.put([records[1]])
    seen.append(await provider.revision(wide))
    await provider.put([make.record(scope=make.scope("dan", space="other"))])
    assert len(set(seen)) == len(seen)
    assert await provider.revision(wide) == seen[-1]


@pytest.mark.needs("counted")
async def test_counts_follow_every_change(provider: Provider, make: Maker) -> None:
    assert isinstance(provider, Counted)

    async def held() -> tuple[int, int]:
        count = (await provider.count()).get(Kind.MEMORY)
        return (count.records, count.bytes) if count else (0, 0)

    records, size = await held()
    first = make.record("caf\u00e9", body=b"1234567890", vector=make.vector(DIMENSION))
    second = make.record("tea", make.scope("bob"))
    await provider.put([first, second])
    assert await held() == (records + 2, size + 5 + 10 + 4 * DIMENSION + 3)
    await provider.put([make.record("", id=first.id, version=2), make.record("older", make.scope("bob"), id=second.id)])
    assert await held() == (records + 2, size + 3)
    await provider.delete(Reach.only(second.scope), [first.id, second.id])
    assert await held() == (records + 1, size)
    await provider.delete(Reach.only(first.scope), [first.id])
    assert await held() == (records, size)
