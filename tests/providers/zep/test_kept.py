"""How records lie in Zep: readable, whole, under their owner, and gone when they are deleted."""

import asyncio
from datetime import timedelta

import msgspec
import pytest

from gateway.domain.errors import Tampered
from gateway.domain.ports import Scan, Where
from gateway.domain.record import Kind
from gateway.domain.scope import Reach, Scope
from gateway.providers.zep.parts import micros
from gateway.testing.making import MEMORIES, Maker, Time, scanned
from tests.providers.zep.places import Seen, Server, opened


async def test_a_memory_is_a_text_episode_that_people_can_read(
    server: Server, prefix: str, seen: Seen, make: Maker, clock: Time
) -> None:
    record = make.record(
        "Ann likes tea", created_at=clock.now - timedelta(days=30), metadata={"topic": ["tea"]}, ttl=99
    )
    async with opened(server, prefix, clock) as provider:
        await provider.put([record])
    (episode,) = await seen.episodes()
    assert (episode.content, episode.source) == ("Ann likes tea", "text")
    assert episode.reference_time == record.created_at.isoformat()
    metadata = episode.metadata or {}
    assert len(metadata) <= 10
    assert {key: metadata[key] for key in ("record", "version", "kind", "scope", "expires")} == {
        "record": record.id, "version": 1, "kind": "memory", "scope": record.scope.key().hex(),
        "expires": micros(record.expires_at or clock.now),
    }  # fmt: skip
    rest = msgspec.json.decode(metadata["rest"])
    assert (rest["user_id"], rest["metadata"]) == ("ann", {"topic": ["tea"]})


async def test_a_user_of_zep_says_whose_it_is_and_its_name_is_a_hash(
    server: Server, prefix: str, seen: Seen, make: Maker, clock: Time
) -> None:
    scope = Scope(make.tenant, "default", "ann\u202e*%", "support", "r1")
    async with opened(server, prefix, clock) as provider:
        await provider.put([make.record(scope=scope), make.record(scope=scope, kind=Kind.HISTORY)])
    users = {(user.metadata or {})["use"]: user for user in await seen.users()}
    assert users.keys() == {"learned", "kept"}
    for user in users.values():
        assert (user.metadata or {})["user"] == "ann\u202e*%"
        assert (user.metadata or {})["run"] == ""  # a session is a thread of its user
        assert (user.user_id or "").isascii()
        assert "ann" not in (user.user_id or "")


async def test_what_zep_must_not_learn_is_never_in_the_graph_that_it_searches(
    server: Server, prefix: str, seen: Seen, make: Maker, clock: Time
) -> None:
    kinds = (Kind.MEMORY, Kind.MESSAGE, Kind.HISTORY, Kind.SESSION, Kind.SYSTEM, Kind.SUMMARY)
    async with opened(server, prefix, clock) as provider:
        await provider.put([make.record(kind, kind=kind) for kind in kinds])
    users = {user.uuid_: (user.metadata or {})["use"] for user in await seen.users()}
    kept = {(each.metadata or {})["kind"]: users[each.user_uuid] for each in await seen.episodes()}
    assert {kind for kind, use in kept.items() if use == "learned"} == {"memory", "message"}


async def test_long_texts_and_metadata_are_several_parts_and_one_record(
    server: Server, prefix: str, seen: Seen, make: Maker, clock: Time
) -> None:
    long = make.record("word " * 1000, metadata={"notes": "n" * 9_000})
    said = make.record("said " * 1000, make.scope(run="r"), kind=Kind.MESSAGE, body=b"x" * 5_000)
    async with opened(server, prefix, clock, chunk_characters=2_000) as provider:
        await provider.put([long, said])
        assert list(await provider.get(Reach.only(long.scope), [long.id])) == [long]
        assert list(await provider.get(Reach.only(said.scope), [said.id])) == [said]
        episodes = await seen.episodes()
        assert len(episodes) > 5
        assert max(len(each.content or "") for each in episodes) == 2_000
        # A part is missing: then there is no record, rather than half of one.
        part = next(each for each in episodes if (each.metadata or {})["record"] == long.id)
        await seen.zep.graph.episode.delete(part.graph_uuid or "", part.uuid_ or "")
        while part.uuid_ in [each.uuid_ for each in await seen.episodes()]:  # noqa: ASYNC110 -- in another process
            await asyncio.sleep(0.01)
        assert list(await provider.get(Reach.only(long.scope), [long.id])) == [None]
        assert list(await provider.put([long])) == [True]
        assert list(await provider.get(Reach.only(long.scope), [long.id])) == [long]


async def test_what_somebody_else_changed_is_tampered(
    server: Server, prefix: str, seen: Seen, make: Maker, clock: Time
) -> None:
    record = make.record("tea")
    async with opened(server, prefix, clock) as provider:
        await provider.put([record])
        (episode,) = await seen.episodes()
        await seen.zep.graph.episode.add(
            episode.graph_uuid or "", data="other words", metadata={**(episode.metadata or {}), "version": 2}
        )
        with pytest.raises(Tampered):
            await provider.get(Reach.only(record.scope), [record.id])


async def test_episodes_of_other_programs_are_left_alone(
    server: Server, prefix: str, seen: Seen, make: Maker, clock: Time
) -> None:
    record = make.record("tea")
    async with opened(server, prefix, clock) as provider:
        await provider.put([record])
        (user,) = await seen.users()
        await seen.zep.graph.episode.add(user.uuid_ or "", data="not ours", metadata={"record": record.id})
        assert await scanned(provider, Reach.only(record.scope)) == [record]
        assert await provider.delete(Reach.only(record.scope), [record.id]) == 1
    assert [each.content for each in await seen.episodes()] == ["not ours"]


async def test_an_older_version_does_not_stay_behind(
    server: Server, prefix: str, seen: Seen, make: Maker, clock: Time
) -> None:
    record = make.record("old")
    async with opened(server, prefix, clock, wait=True) as provider:
        await provider.put([record])
        await provider.put([make.record("new", id=record.id, version=2, created_at=record.created_at)])
        hits = await provider.relevant(Reach.only(record.scope), "old or new", MEMORIES, 5)
        assert [hit.record.text for hit in hits] == ["new"]
        assert await provider.delete(Reach.only(record.scope), [record.id]) == 1
    assert await seen.episodes() == []


async def test_the_number_deleted_is_the_number_listed(server: Server, prefix: str, make: Maker, clock: Time) -> None:
    records = [*make.records(12), *make.records(3, make.scope(run="r"), kind=Kind.MESSAGE)]
    reach = Reach(make.tenant, "default", "ann", "", None)
    where = Where(frozenset({Kind.MEMORY, Kind.MESSAGE}))
    async with opened(server, prefix, clock) as provider:
        await provider.put(records)
        listed = (await provider.scan(reach, Scan(where=where, limit=100))).records
        assert len(listed) == 15
        assert await provider.delete(reach, [each.id for each in listed]) == 15
        assert (await provider.scan(reach, Scan(where=where, limit=100))).records == ()
