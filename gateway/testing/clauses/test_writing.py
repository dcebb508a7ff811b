"""What `put` promises: everything comes back as it went in, newer wins, nothing crosses scopes."""

from datetime import timedelta

import msgspec
import pytest

from gateway.domain.ports import Provider
from gateway.domain.record import Kind, Provenance
from gateway.domain.scope import Reach, Scope
from gateway.testing import hostile
from gateway.testing.making import Maker, Time, one, scanned
from gateway.testing.subjects import DIMENSION, Place, Subject


async def test_a_record_comes_back_as_it_was_put(provider: Provider, make: Maker) -> None:
    whole = make.record(
        "Ann likes tea",
        make.scope("ann", agent="support", run="r1"),
        body=b'{"role": "user",  "content": [1, 2]}',
        role="user",
        metadata={"topic": {"name": "tea", "tags": ["a", 1, 1.5, True, None]}},
        ttl=3600.000001,
        version=7,
        vector=make.vector(DIMENSION),
        provenance=Provenance(principal="k1", route="notes", user="u", agent="a", run="r", fingerprint="f"),
    )
    bare = make.record("")
    assert list(await provider.put([whole, bare])) == [True, True]
    assert await one(provider, whole) == whole
    assert await one(provider, bare) == bare


@pytest.mark.parametrize("kind", [kind.value for kind in Kind])
async def test_each_declared_kind_is_kept_apart(
    kind: str, subject: Subject, place: Place, provider: Provider, make: Maker
) -> None:
    if kind not in subject.capabilities(place).kinds:
        pytest.skip(f"not capable: {kind}")
    record = make.record(kind=Kind(kind))
    await provider.put([record])
    assert await one(provider, record) == record


@pytest.mark.parametrize("number", range(len(hostile.TEXTS)))
async def test_texts_are_kept_character_for_character(number: int, provider: Provider, make: Maker) -> None:
    record = make.record(hostile.TEXTS[number], body=hostile.TEXTS[number].encode(), role="user")
    await provider.put([record])
    assert await one(provider, record) == record


@pytest.mark.parametrize("number", range(len(hostile.METADATA)))
async def test_metadata_keeps_its_values_and_their_types(number: int, provider: Provider, make: Maker) -> None:
    record = make.record(metadata=hostile.METADATA[number])
    await provider.put([record])
    found = await one(provider, record)
    assert found is not None
    assert msgspec.json.encode(found.metadata, order="sorted") == msgspec.json.encode(record.metadata, order="sorted")


async def test_bodies_and_vectors_are_kept_byte_for_byte(provider: Provider, make: Maker) -> None:
    body = b'{"a":  1.0, "big": 123456789012345678901234567890, "a": "\\u0000 \\ud83e", "e":1E5}'
    record = make.record(body=body, vector=make.vector(DIMENSION))
    await provider.put([record])
    found = await one(provider, record)
    assert found is not None
    assert (found.body, found.vector) == (record.body, record.vector)


async def test_an_empty_body_is_not_no_body(provider: Provider, make: Maker) -> None:
    empty, none = make.record(body=b""), make.record(body=None)
    await provider.put([empty, none])
    assert [each and each.body for each in (await one(provider, empty), await one(provider, none))] == [b"", None]


async def test_times_are_kept_to_the_microsecond(provider: Provider, make: Maker, clock: Time) -> None:
    record = make.record(
        created_at=clock.now.replace(microsecond=1),
        updated_at=clock.now.replace(microsecond=999_999),
        expires_at=(clock.now + timedelta(days=400)).replace(microsecond=123_457),
    )
    await provider.put([record])
    assert await one(provider, record) == record


async def test_a_newer_version_replaces_an_older_one_whole(provider: Provider, make: Maker) -> None:
    old = make.record("old", metadata={"a": 1}, role="user", body=b"1", vector=make.vector(DIMENSION), ttl=60)
    new = make.record("new", id=old.id, version=2, created_at=old.created_at)
    assert list(await provider.put([old])) == [True]
    assert list(await provider.put([new])) == [True]
    assert await one(provider, old) == new
    assert await scanned(provider, Reach.only(old.scope)) == [new]


@pytest.mark.parametrize("version", [1, 2, 3])
async def test_an_older_or_equal_version_is_refused(version: int, provider: Provider, make: Maker) -> None:
    there = make.record("there", version=3)
    late = make.record("late", id=there.id, version=version)
    await provider.put([there])
    assert list(await provider.put([late])) == [False]
    assert await one(provider, there) == there


async def test_answers_stand_in_the_order_of_the_batch(provider: Provider, make: Maker) -> None:
    known = make.records(3, version=5)
    await provider.put(known)
    older = make.record(id=known[0].id, version=4)
    newer = make.record(id=known[1].id, version=6)
    fresh = make.record()
    same = make.record(id=known[2].id, version=5)
    assert list(await provider.put([older, newer, fresh, same])) == [False, True, True, False]


async def test_the_newest_of_one_id_within_a_batch_stays(provider: Provider, make: Maker) -> None:
    first = make.record("one")
    third = make.record("three", id=first.id, version=3)
    second = make.record("two", id=first.id, version=2)
    answers = await provider.put([first, third, second])
    assert answers[1]
    assert not answers[2]
    assert await one(provider, first) == third


async def test_no_records_are_no_work(provider: Provider) -> None:
    assert list(await provider.put([])) == []


@pytest.mark.parametrize(
    "other",
    [
        {"user": "bob"}, {"user": ""}, {"user": "ann", "agent": "x"}, {"user": "ann", "run": "x"},
        {"user": "ann", "space": "other"},
    ],
    ids=str,
)  # fmt: skip
async def test_a_put_never_takes_an_id_from_another_scope(
    other: dict[str, str], provider: Provider, make: Maker
) -> None:
    mine = make.record("mine")
    theirs = make.record("theirs", make.scope(**other), id=mine.id, version=9)
    await provider.put([mine])
    assert list(await provider.put([theirs])) == [False]
    assert await one(provider, mine) == mine
    assert await one(provider, theirs) is None


async def test_a_put_never_touches_the_same_id_of_another_tenant(provider: Provider, make: Maker) -> None:
    mine = make.record("mine")
    theirs = make.record("theirs", Scope(make.tenant + "0", "default", "ann"), id=mine.id, version=9)
    await provider.put([mine])
    (stored,) = await provider.put([theirs])
    assert await one(provider, mine) == mine
    assert await one(provider, theirs) == (theirs if stored else None)


async def test_a_batch_of_a_thousand_is_kept_whole(provider: Provider, make: Maker) -> None:
    records = make.records(1000)
    assert all(await provider.put(records))
    assert list(await provider.get(Reach.only(make.scope()), [each.id for each in records])) == records


async def test_what_the_caller_changes_afterwards_is_not_stored(provider: Provider, make: Maker) -> None:
    metadata = {"tags": ["a"]}
    record = make.record(metadata=metadata)
    await provider.put([record])
    metadata["tags"].append("b")
    found = await one(provider, record)
    assert found is not None
    assert found.metadata == {"tags": ["a"]}
