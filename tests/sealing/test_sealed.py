"""A sealed route reads what it wrote, and what is behind it holds nothing that can be read."""

from typing import Any, cast

import msgspec
import pytest

from gateway.chain.plan import Plan
from gateway.chain.sealed import sealed_capabilities
from gateway.domain.errors import Invalid, Tampered
from gateway.domain.filters import All, Compare, Filter, Not, Some, matches
from gateway.domain.ports import Capabilities, Where
from gateway.domain.record import Kind, Provenance, Record
from gateway.domain.scope import Reach
from gateway.domain.units import Secret
from gateway.sealing.fernet import FernetKeys, fernet_key
from gateway.testing.making import MEMORIES, cosine, scanned
from tests.sealing.scene import ALL, Scene

CANARY = "canary"
FERNET = "c2l4dGVlbi1ieXRlcy10d2ljZS1hLWtleS0zMmJ5dGU="
OTHER = "b3RoZXItYnl0ZXMtdHdpY2UtYS1rZXktb2YtMzJieXQ="


def full(scene: Scene) -> Record:
    return scene.make.record(
        f"{CANARY} text", body=b'{"a": "canary body"}', role="user", vector=scene.make.vector(), ttl=600,
        metadata={"note": f"{CANARY} note", "deep": {"x": [CANARY, 1], "y": 2}, "open": "seen"},
        provenance=Provenance(principal="p", fingerprint="canary-fingerprint"), version=3,
    )  # fmt: skip


@pytest.mark.parametrize("vectors", ["sealed", "none", "plain", "keyed"])
async def test_what_was_sealed_reads_back_as_it_was_and_the_backend_sees_none_of_it(vectors: str) -> None:
    scene = Scene(msgspec.convert({**msgspec.structs.asdict(ALL), "vectors": vectors}, Plan))
    record = full(scene)
    assert await scene.sealed.put([record]) == [True]
    found = await scene.get(record)
    assert found is not None and record.vector is not None
    if vectors == "none":
        assert found == msgspec.structs.replace(record, vector=None)
    elif vectors == "keyed":
        assert found.vector is not None and cosine(found.vector, record.vector) == pytest.approx(1)
    else:
        assert found == record
    stored = await scene.stored(record)
    assert CANARY.encode() not in msgspec.msgpack.encode(stored)
    assert (stored.role, stored.body, stored.metadata["open"], stored.metadata["deep"]) == ("", None, "seen", {"y": 2})
    assert (stored.vector == record.vector) is (vectors == "plain")
    await scene.close()


async def test_the_same_content_is_never_sealed_the_same_twice() -> None:
    scene = Scene()
    records = scene.make.records(20, metadata={"note": "same"})
    same = [msgspec.structs.replace(record, text="same") for record in records]
    await scene.sealed.put(same)
    assert len({(await scene.stored(record)).text for record in same}) == 20
    await scene.close()


async def test_metadata_alone_can_be_sealed_and_the_text_stays_searchable() -> None:
    scene = Scene(Plan(content=False, metadata=((),), vectors="plain"))
    record = scene.make.record("green tea", metadata={"note": CANARY}, provenance=Provenance(fingerprint=CANARY))
    await scene.sealed.put([record])
    stored = await scene.stored(record)
    assert stored.text == "green tea" and CANARY.encode() not in msgspec.msgpack.encode(stored)
    hits = await cast("Any", scene.sealed).matching(Reach.only(record.scope), ["tea"], MEMORIES, 5)
    assert [hit.record for hit in hits] == [record] == [await scene.get(record)]
    await scene.close()


async def test_past_texts_of_a_memory_are_sealed_with_its_content() -> None:
    scene = Scene(Plan())
    past = scene.make.record("", kind=Kind.HISTORY, metadata={"memory_id": "m", "old": CANARY, "new": CANARY})
    run = scene.make.record("", kind=Kind.RUN, metadata={"status": "s", "metadata": {"k": CANARY}})
    await scene.sealed.put([past])
    assert CANARY.encode() not in msgspec.msgpack.encode(await scene.stored(past))
    where = Where(frozenset({Kind.HISTORY}), Compare("eq", "m", path=("memory_id",)))
    assert await scanned(scene.sealed, Reach.only(past.scope), where) == [past]
    all_metadata = Scene(Plan(metadata=((),)))
    await all_metadata.sealed.put([run])
    assert CANARY.encode() not in msgspec.msgpack.encode(await all_metadata.stored(run))
    assert await all_metadata.get(run) == run
    await scene.close()
    await all_metadata.close()


FILTERS: list[Filter] = [
    Compare("eq", "a", path=("note",)),
    Compare("in", ["a", "b"], path=("note",)),
    Compare("ne", "a", path=("note",)),
    Compare("contains", "3", field="text"),
    Compare("eq", "user", field="role"),
    Compare("exists", True, path=("deep",)),
    Compare("eq", 1, path=("deep", "x")),
    Not(Compare("eq", "a", path=("note",))),
    All((Compare("eq", 0, path=("open",)), Compare("eq", "b", path=("note",)))),
    Some((Compare("eq", 0, path=("open",)), Compare("eq", "c", path=("note",)))),
    Not(All((Compare("eq", 0, path=("open",)), Compare("eq", "a", path=("note",))))),
    Compare("exists", True, path=("mg-sealed",)),
]


@pytest.mark.parametrize("test", FILTERS, ids=[repr(each)[:70] for each in FILTERS])
async def test_filters_mean_on_sealed_fields_what_they_mean_on_open_ones_before_any_limit(test: Filter) -> None:
    scene = Scene()
    records = [
        scene.make.record(
            f"text {n}", role="user" if n % 3 else "system", metadata={"note": "abc"[n % 3], "deep": {"x": n % 2}, "open": n % 2}
        )
        for n in range(60)
    ]  # fmt: skip
    await scene.sealed.put(records)
    reach = Reach.only(records[0].scope)
    wanted = {record.id for record in records if matches(test, record)}
    for limit in (1, 7, 100):
        found = await scanned(scene.sealed, reach, Where(MEMORIES.kinds, test), limit=limit)
        assert {record.id for record in found} == wanted and len(found) == len(wanted)
    await scene.close()


async def test_an_index_narrows_what_has_to_be_opened_and_shows_only_that_values_are_equal() -> None:
    scene = Scene()
    records = [scene.make.record(f"n {n}", metadata={"note": f"topic {n % 10}"}) for n in range(50)]
    await scene.sealed.put(records)
    stored = [await scene.stored(record) for record in records]
    tokens = {each.metadata["mg-index-note"] for each in stored}
    assert 9 <= len(tokens) <= 10 and all(len(token) == 8 for token in tokens)
    other = scene.make.record(scope=scene.make.scope("bob"), metadata={"note": "topic 1"})
    await scene.sealed.put([other])
    assert (await scene.stored(other)).metadata["mg-index-note"] not in tokens, "another user's look different"
    pushed, exact = ALL.pushed(
        Compare("eq", "topic 1", path=("note",)), MEMORIES.kinds, await scene.ring.sealer(scene.make.tenant, "ann")
    )
    assert isinstance(pushed, Compare) and not exact
    assert sum(matches(pushed, each) for each in stored) in (5, 10)
    await scene.close()


async def test_vectors_turned_by_a_secret_find_the_same_nearest() -> None:
    scene = Scene(Plan(vectors="keyed"))
    records = [scene.make.record(f"n {n}", vector=scene.make.vector(32)) for n in range(50)]
    await scene.sealed.put(records)
    asked = scene.make.vector(32)
    wanted = sorted(records, key=lambda each: -cosine(each.vector or b"", asked))[:5]
    hits = await cast("Any", scene.sealed).nearest(Reach.only(records[0].scope), asked, MEMORIES, 5)
    assert [hit.record.id for hit in hits] == [each.id for each in wanted]
    assert (await scene.stored(records[0])).vector != records[0].vector
    await scene.close()


async def test_keys_of_ours_in_the_metadata_of_clients_are_refused() -> None:
    scene = Scene()
    with pytest.raises(Invalid):
        await scene.sealed.put([scene.make.record(metadata={"mg-sealed": "x"})])


async def test_plaintext_is_read_until_the_date_and_counted_and_tampered_after_it() -> None:
    scene = Scene()
    until = msgspec.structs.replace(ALL, plaintext_until=scene.clock())
    record = scene.make.record("from before", metadata={"note": "n"})
    await scene.inner.memory.put([record])
    for days, plan in ((-1, until), (0, until), (0, ALL)):
        scene.plan = plan
        scene.clock.forward(days=days)
        reading = scene.over(scene.ring)
        if days < 0:
            assert await reading.get(Reach.only(record.scope), [record.id]) == [record]
            assert scene.plaintext == [record.id]
            scene.clock.forward(days=1)
        else:
            with pytest.raises(Tampered):
                await reading.get(Reach.only(record.scope), [record.id])
    await scene.close()


async def test_a_plan_that_seals_more_or_less_than_before_still_opens_what_is_there() -> None:
    scene = Scene(Plan(content=True, metadata=((),)))
    record = scene.make.record("t", metadata={"note": "n"})
    await scene.sealed.put([record])
    scene.plan = Plan(content=True)
    assert await scene.over(scene.ring).get(Reach.only(record.scope), [record.id]) == [record]
    scene.plan = Plan(content=False, metadata=((),), vectors="plain")
    assert await scene.over(scene.ring).get(Reach.only(record.scope), [record.id]) == [record]
    await scene.close()


def test_a_sealed_chain_claims_no_search_that_it_cannot_do() -> None:
    able = Capabilities(
        kinds=frozenset(Kind), nearest=True, matching=True, fuses=True, relevant=True, extracts=True, briefs=True,
        revised=True, sweeps=True,
    )  # fmt: skip
    sealed = sealed_capabilities(able, Plan(vectors="sealed"))
    gone = ("nearest", "matching", "fuses", "relevant", "extracts", "briefs")
    assert not any(getattr(sealed, name) for name in gone) and sealed.revised and sealed.sweeps
    assert sealed_capabilities(able, Plan(vectors="keyed")).nearest
    open_text = sealed_capabilities(able, Plan(content=False, metadata=((),), vectors="plain"))
    assert open_text.matching and open_text.relevant and not open_text.extracts


async def test_fernet_keys_seal_open_and_rotate_and_a_wrong_one_is_an_error_not_ciphertext() -> None:
    assert fernet_key(FERNET) and fernet_key(OTHER) and fernet_key("short") is None
    first = Scene(Plan(metadata=((),)), keys=FernetKeys([FERNET]))
    record = first.make.record(f"{CANARY} text", metadata={"note": CANARY})
    await first.sealed.put([record])
    stored = await first.stored(record)
    assert stored.text.startswith("gAAAA") and CANARY.encode() not in msgspec.msgpack.encode(stored)
    assert await first.get(record) == record
    both = first.wrapped(FernetKeys([OTHER, FERNET]))
    assert await both.opened(Reach.only(record.scope), [stored]) == [record]
    assert await both.worn([stored]) == [stored]
    anew = await both.sealed([record])
    assert await both.worn(anew) == [] == await first.wrapped(FernetKeys([FERNET])).worn([stored])
    with pytest.raises(Tampered):
        await first.wrapped(FernetKeys([OTHER])).opened(Reach.only(record.scope), [stored])
    with pytest.raises(Tampered):
        await first.wrapped(FernetKeys([FERNET])).opened(
            Reach.only(record.scope), [msgspec.structs.replace(stored, id="another")]
        )
    assert str(Secret(FERNET)) != FERNET
