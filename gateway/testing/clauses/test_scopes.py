"""Nobody ever meets anybody else: parts are compared whole and byte for byte, whatever characters they hold."""

import pytest

from gateway.domain.ports import Provider
from gateway.domain.scope import Reach, Scope
from gateway.testing import hostile
from gateway.testing.making import Maker, everything, scanned


def in_part(part: str, value: str, tenant: str) -> Scope:
    parts = {"tenant": tenant, "space": "default", "user": "", "agent": "", "run": "", part: value}
    return Scope(**parts)


@pytest.mark.parametrize("part", ["tenant", "space", "user", "agent", "run"])
async def test_look_alike_ids_are_different_owners(part: str, provider: Provider, make: Maker) -> None:
    values = [value for value in hostile.IDS if part not in ("tenant", "space") or value.strip()]
    records = {
        value: make.record(f"of {n}", in_part(part, value, make.tenant), id=f"id-{n}") for n, value in enumerate(values)
    }
    await provider.put(list(records.values()))
    for record in records.values():
        assert await scanned(provider, Reach.only(record.scope)) == [record]
    for value, record in list(records.items())[::2]:
        assert await provider.delete(Reach.only(record.scope), [each.id for each in records.values()]) == 1
        del records[value]
    for record in records.values():
        assert await scanned(provider, Reach.only(record.scope)) == [record]


@pytest.mark.parametrize("part", ["space", "user", "agent", "run"])
async def test_an_exact_part_of_a_wide_reach_is_exact(part: str, provider: Provider, make: Maker) -> None:
    values = ["a", "ab", "A", "*", "%", "_", "caf\u00e9", "cafe\u0301"]
    records = [make.record(scope=in_part(part, value, make.tenant)) for value in values]
    await provider.put(records)
    for value, record in zip(values, records, strict=True):
        wide = {"space": None, "user": None, "agent": None, "run": None, part: value}
        assert await scanned(provider, Reach(make.tenant, **wide)) == [record]


async def test_parts_never_run_into_each_other(provider: Provider, make: Maker) -> None:
    triples = [
        ("a", "b", "c"), ("ab", "", "c"), ("", "ab", "c"), ("a", "bc", ""), ("abc", "", ""), ("", "", "abc"),
        ("a:b", "c", ""), ("a", "b:c", ""), ("a|b", "c", ""), ("a", "b|c", ""), ("a/b", "c", ""), ("a", "b/c", ""),
    ]  # fmt: skip
    records = [make.record(scope=make.scope(user, agent=agent, run=run)) for user, agent, run in triples]
    await provider.put(records)
    for record in records:
        assert await scanned(provider, Reach.only(record.scope)) == [record]


async def test_an_empty_part_means_none_and_never_any(provider: Provider, make: Maker) -> None:
    without, within = make.record(scope=make.scope("")), make.record(scope=make.scope("ann", agent="x", run="r"))
    await provider.put([without, within])
    assert await scanned(provider, Reach(make.tenant, "default")) == [without]
    assert await scanned(provider, Reach(make.tenant, "default", "ann")) == []
    assert await scanned(provider, Reach(make.tenant, "default", None, None, None)) == [within, without]


async def test_a_tenant_is_never_found_by_its_beginning(provider: Provider, make: Maker) -> None:
    tenants = [make.tenant + tail for tail in ("", "0", "1", ":", "*", " ")]
    records = [make.record(scope=Scope(tenant, "default", "ann")) for tenant in tenants]
    await provider.put(records)
    for tenant, record in zip(tenants, records, strict=True):
        assert await scanned(provider, everything(tenant)) == [record]
        assert await provider.delete(everything(tenant), [each.id for each in records if each is not record]) == 0
    assert await provider.delete(everything(tenants[0]), [records[0].id]) == 1
    assert await scanned(provider, everything(tenants[1])) == [records[1]]


@pytest.mark.parametrize("number", range(len(hostile.IDS)))
async def test_any_legal_id_names_one_record(number: int, provider: Provider, make: Maker) -> None:
    id_ = hostile.IDS[number]
    record, other = make.record("this", id=id_), make.record("that", id="other")
    await provider.put([record, other])
    reach = Reach.only(record.scope)
    assert list(await provider.get(reach, [id_, "other"])) == [record, other]
    assert await provider.delete(reach, [id_]) == 1
    assert list(await provider.get(reach, [id_, "other"])) == [None, other]
