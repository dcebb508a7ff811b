"""What `get` promises: the order asked for, and nothing for what is absent or somebody else's."""

from gateway.domain.ports import Provider
from gateway.domain.scope import Reach, Scope
from gateway.testing.making import Maker, everything
from gateway.testing.subjects import Subject


async def test_records_come_in_the_order_of_their_ids(provider: Provider, make: Maker) -> None:
    records = make.records(5)
    await provider.put(records)
    turned = records[::-1]
    assert list(await provider.get(Reach.only(make.scope()), [each.id for each in turned])) == turned


async def test_what_is_absent_is_none_in_its_place(provider: Provider, make: Maker) -> None:
    record = make.record()
    await provider.put([record])
    found = await provider.get(
        Reach.only(record.scope), ["nothing", record.id, make.record().id, "", record.id.upper()]
    )
    assert list(found) == [None, record, None, None, None]


async def test_an_id_asked_for_twice_is_answered_twice(provider: Provider, make: Maker) -> None:
    record = make.record()
    await provider.put([record])
    assert list(await provider.get(Reach.only(record.scope), [record.id, record.id])) == [record, record]


async def test_no_ids_are_no_records(provider: Provider, make: Maker) -> None:
    assert list(await provider.get(Reach.only(make.scope()), [])) == []


async def test_an_id_outside_the_reach_is_absent(provider: Provider, make: Maker) -> None:
    record = make.record(scope=make.scope("ann", agent="a", run="r"))
    await provider.put([record])
    for other in (
        make.scope("bob", agent="a", run="r"), make.scope("ann", agent="b", run="r"), make.scope("ann", agent="a"),
        make.scope("ann", agent="a", run="r", space="other"), Scope(make.tenant + "0", "default", "ann", "a", "r"),
    ):  # fmt: skip
        assert list(await provider.get(Reach.only(other), [record.id])) == [None]


async def test_a_wide_reach_finds_all_that_it_covers(provider: Provider, make: Maker) -> None:
    records = [make.record(scope=make.scope(user, agent=agent)) for user in ("", "ann", "bob") for agent in ("", "x")]
    await provider.put(records)
    ids = [each.id for each in records]
    assert list(await provider.get(everything(make.tenant), ids)) == records
    of_ann = await provider.get(Reach(make.tenant, "default", "ann", None, ""), ids)
    assert list(of_ann) == [None, None, records[2], records[3], None, None]
    of_none = await provider.get(Reach(make.tenant, "default", "", None, ""), ids)
    assert list(of_none) == [records[0], records[1], None, None, None, None]


async def test_many_ids_are_found_at_once(subject: Subject, provider: Provider, make: Maker) -> None:
    records = make.records(min(700, subject.many))
    await provider.put(records)
    assert list(await provider.get(Reach.only(make.scope()), [each.id for each in records])) == records
