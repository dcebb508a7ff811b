"""Who may see what: mem0 gives, changes and deletes any memory for anyone who knows its id, so all of that is ours."""

import random
from collections import Counter
from collections.abc import Sequence

import pytest

from gateway.domain.errors import Tampered
from gateway.domain.ports import Provider, Scan, Where
from gateway.domain.record import Kind, Record
from gateway.domain.scope import Reach, Scope
from gateway.providers import mem0 as package
from gateway.providers.mem0 import Mem0
from gateway.providers.mem0.kept import Kept, metadata_of, record_of
from gateway.providers.mem0.naming import group_of, owned_by, owner_of
from gateway.testing import hostile
from gateway.testing.making import MEMORIES, Maker, everything, one, scanned

from .opening import Opened, way_of

BOTH = frozenset({Kind.MEMORY, Kind.HISTORY})


async def test_an_id_of_another_user_is_refused_although_mem0_would_serve_it(mem0: Mem0, make: Maker) -> None:
    record = make.record("Ann's secret", make.scope("ann"))
    await mem0.put([record])
    place = (await way_of(mem0).find(record.scope.tenant, [record.id]))[0].place
    bob = Reach.only(make.scope("bob"))
    for id_ in (record.id, place):
        assert list(await mem0.get(bob, [id_])) == [None]
        assert await mem0.delete(bob, [id_]) == 0
    assert list(await mem0.put([make.record("taken", make.scope("bob"), id=record.id, version=9)])) == [False]
    assert await one(mem0, record) == record


async def test_mem0_itself_would_delete_it(mem0: Mem0, make: Maker) -> None:
    """The trap that the comparison closes: the id is all that mem0 asks for."""
    record = make.record("Ann's secret", make.scope("ann"))
    await mem0.put([record])
    place = (await way_of(mem0).find(record.scope.tenant, [record.id]))[0].place
    await way_of(mem0).remove([place])
    assert await one(mem0, record) is None


async def test_without_the_comparison_the_memory_would_be_shown(
    mem0: Mem0, make: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = make.record("Ann's secret", make.scope("ann"))
    await mem0.put([record])
    monkeypatch.setattr(package, "within", covers_all)
    assert list(await mem0.get(Reach.only(make.scope("bob")), [record.id])) == [record]


def covers_all(*_: object) -> bool:
    return True


def test_no_two_scopes_share_a_name_in_mem0_and_no_name_needs_trimming() -> None:
    parts = [*hostile.IDS, "", "a:b", ":", "%3A", "sha256=", "y" * 300]
    scopes = [Scope("t", "default", part) for part in parts] + [
        Scope("t", "default", "", part) for part in parts if part
    ]
    scopes += [Scope(f"t{part}", "default") for part in parts if part] + [
        Scope("t", "default", "a", "b", part) for part in parts
    ]
    scopes = list(dict.fromkeys(scopes))
    names = [owner_of(scope, kind) for scope in scopes for kind in BOTH]
    assert len(set(names)) == len(names)
    assert all(name == name.strip() and not any(map(str.isspace, name)) and "*" not in name for name in names)
    assert all(len(name) <= 210 for name in names)
    for scope in scopes:
        for kind in BOTH:
            assert owned_by(owner_of(scope, kind)) in ((scope, kind), None)
    assert len({group_of(each.tenant, kind) for each in scopes for kind in BOTH}) == 2 * len(
        {each.tenant for each in scopes}
    )


def test_a_name_that_was_not_made_here_stands_for_nobody() -> None:
    for name in ("alice", "", "t:default:a", "t:default:%61::", ":default:a::", "t:d:a:::memory", "t:d:a:::key:x"):
        assert owned_by(name) is None


def test_a_memory_whose_owner_was_changed_in_mem0_is_tampered(make: Maker) -> None:
    record = make.record(scope=make.scope("ann"))
    whole = Kept("p", "likes tea", owner_of(record.scope, Kind.MEMORY), metadata_of(record))
    assert record_of(whole) == record
    with pytest.raises(Tampered):
        record_of(Kept("p", "likes tea", owner_of(make.scope("bob"), Kind.MEMORY), metadata_of(record)))


async def test_history_is_kept_where_mem0s_search_does_not_see_it(mem0: Mem0, make: Maker) -> None:
    memory, note = make.record("likes tea"), make.record("likes tea", kind=Kind.HISTORY)
    await mem0.put([memory, note])
    reach = Reach.only(make.scope())
    assert await scanned(mem0, reach) == [memory]
    assert [hit.record for hit in await mem0.relevant(reach, "tea", Where(BOTH), 10)] == [memory]
    assert await scanned(mem0, reach, Where(frozenset({Kind.HISTORY}))) == [note]


async def test_random_operations_of_tenants_with_hostile_ids_never_cross(opened: Opened, make: Maker) -> None:
    rng = random.Random("hostile")
    tenants = [f"{make.tenant}{tail}" for tail in ("", *rng.sample([each for each in hostile.IDS if each.strip()], 19))]
    ids = rng.sample(hostile.IDS, 8)
    scopes = [Scope(tenant, "default", rng.choice(hostile.IDS), "", run) for tenant in tenants for run in ("", "a:b")]
    model: dict[tuple[str, str], Record] = {}
    done: Counter[str] = Counter()
    async with opened() as mem0:
        for number in range(OPERATIONS):
            scope, id_ = rng.choice(scopes), rng.choice(ids)
            act = rng.choice(("put", "put", "get", "get", "delete", "scan", "wide"))
            done[act] += 1
            await _act(act, mem0, scope, id_, model, make, number)
        for tenant in tenants:
            held = sorted(each.id for (owner, _), each in model.items() if owner == tenant)
            assert sorted(each.id for each in await scanned(mem0, everything(tenant))) == held
    assert all(done.values()) and len(done) == 5


OPERATIONS = 1_500  # for each of the two ways


async def _act(
    act: str, mem0: Provider, scope: Scope, id_: str, model: dict[tuple[str, str], Record], make: Maker, number: int
) -> None:
    held = model.get((scope.tenant, id_))
    mine = held if held is not None and held.scope == scope else None
    if act == "put":
        record = make.record(f"of {number}", scope, id=id_, version=(mine.version + 1 if mine else 50))
        stored = list(await mem0.put([record]))
        assert stored == [held is None or mine is not None]
        if stored[0]:
            model[scope.tenant, id_] = record
    elif act == "get":
        assert list(await mem0.get(Reach.only(scope), [id_])) == [mine]
    elif act == "delete":
        assert await mem0.delete(Reach.only(scope), [id_]) == (mine is not None)
        if mine is not None:
            del model[scope.tenant, id_]
    elif act == "scan":
        found = (await mem0.scan(Reach.only(scope), Scan(where=MEMORIES, limit=100))).records
        assert _ids(found) == _ids([each for each in model.values() if each.scope == scope])
    else:
        found = (await mem0.scan(everything(scope.tenant), Scan(where=MEMORIES, limit=100))).records
        assert _ids(found) == _ids([each for each in model.values() if each.scope.tenant == scope.tenant])


def _ids(records: Sequence[Record]) -> list[tuple[str, str]]:
    return sorted((each.id, each.text) for each in records)
