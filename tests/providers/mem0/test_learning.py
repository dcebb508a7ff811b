"""mem0's own extraction: what it makes of messages is a memory like any other, of the scope of the messages."""

import json
import time
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from gateway.domain.errors import Unavailable
from gateway.domain.filters import Compare
from gateway.domain.ports import Where
from gateway.domain.record import Kind, Provenance
from gateway.domain.scope import Reach
from gateway.providers.mem0 import Mem0
from gateway.testing.making import MEMORIES, Maker, Time, everything, one, scanned
from tests.servers.mem0_platform import LEARNING
from tests.servers.openai import mem0_block

from .opening import Opened, hosted, inside, opening, options, way_of

SAID = "Hello! I moved to Lisbon last year. The weather is nice."
FACT = "User moved to Lisbon last year"


async def test_the_fact_is_kept_and_not_the_turn(mem0: Mem0, make: Maker) -> None:
    turns = [make.record(SAID, role="user"), make.record("How nice!", role="assistant")]
    (learned,) = await mem0.extract(turns, wait=True)
    assert (learned.text, learned.event) == (FACT, "ADD")
    reach = Reach.only(make.scope())
    (record,) = await scanned(mem0, reach)
    assert (record.id, record.text, record.kind, record.version) == (learned.id, FACT, Kind.MEMORY, 1)
    assert list(await mem0.get(reach, [learned.id])) == [record]
    assert [hit.record for hit in await mem0.relevant(reach, "where does she live", MEMORIES, 5)] == [record]


async def test_put_keeps_the_turns_as_they_are(mem0: Mem0, make: Maker) -> None:
    turns = [make.record(SAID, role="user"), make.record("How nice!", role="assistant")]
    await mem0.put(turns)
    assert await scanned(mem0, Reach.only(make.scope())) == turns[::-1]


async def test_the_same_fact_twice_is_one_memory_and_the_events_say_so(mem0: Mem0, make: Maker) -> None:
    first = await mem0.extract([make.record(SAID, role="user")], wait=True)
    again = await mem0.extract([make.record(SAID, role="user")], wait=True)
    assert [each.event for each in first] == ["ADD"]
    assert [each for each in again if each.event != "NONE"] == []
    assert len(await scanned(mem0, Reach.only(make.scope()))) == 1


async def test_the_same_fact_of_another_scope_is_another_memory(mem0: Mem0, make: Maker) -> None:
    scopes = [make.scope("ann"), make.scope("bob"), make.scope("ann", run="r1")]
    for scope in scopes:
        assert len(await mem0.extract([make.record(SAID, scope, role="user")], wait=True)) == 1
    for scope in scopes:
        assert [each.text for each in await scanned(mem0, Reach.only(scope))] == [FACT]
    assert len(await scanned(mem0, everything(make.tenant))) == 3


async def test_what_is_learned_has_the_scope_metadata_and_origin_of_the_messages(mem0: Mem0, make: Maker) -> None:
    origin = Provenance(principal="k1", route="notes", agent="support")
    turn = make.record(SAID, role="user", metadata={"topic": {"name": "home"}}, provenance=origin)
    (learned,) = await mem0.extract([turn], wait=True)
    where = Where(frozenset({Kind.MEMORY}), Compare("eq", "home", path=("topic", "name")))
    (record,) = await scanned(mem0, Reach.only(make.scope()), where)
    assert (record.id, record.scope, record.metadata, record.provenance) == (
        learned.id, turn.scope, turn.metadata, origin,
    )  # fmt: skip
    assert record.created_at == turn.created_at
    assert (record.body, record.vector, record.role) == (None, None, "")


async def test_what_is_learned_lives_no_longer_than_the_messages(mem0: Mem0, make: Maker, clock: Time) -> None:
    (learned,) = await mem0.extract(
        [make.record("Hi", role="user", ttl=50), make.record(SAID, role="user", ttl=10)], wait=True
    )
    reach = Reach.only(make.scope())
    assert (await mem0.get(reach, [learned.id]))[0] is not None
    clock.forward(seconds=11)
    assert list(await mem0.get(reach, [learned.id])) == [None]
    assert await mem0.sweep(10) == 1


async def test_what_is_learned_can_be_changed_and_deleted_by_its_scope_alone(mem0: Mem0, make: Maker) -> None:
    (learned,) = await mem0.extract([make.record(SAID, role="user")], wait=True)
    reach, other = Reach.only(make.scope()), Reach.only(make.scope("bob"))
    (record,) = await scanned(mem0, reach)
    assert list(await mem0.get(other, [learned.id])) == [None]
    assert await mem0.delete(other, [learned.id]) == 0
    assert list(await mem0.put([make.record("taken", make.scope("bob"), id=learned.id, version=9)])) == [False]
    changed = make.record("moved to Porto", id=record.id, version=2, created_at=record.created_at)
    assert list(await mem0.put([changed])) == [True]
    assert await scanned(mem0, reach) == [changed]
    assert await one(mem0, changed) == changed
    assert await mem0.delete(reach, [learned.id]) == 1
    assert await scanned(mem0, reach) == []


async def test_nothing_to_learn_from_is_nothing_learned(mem0: Mem0, make: Maker) -> None:
    assert list(await mem0.extract([make.record("The weather is nice.", role="user")], wait=True)) == []
    assert list(await mem0.extract([make.record("{}", role="tool"), make.record(" ", role="user")], wait=True)) == []
    assert list(await mem0.extract([], wait=True)) == []


async def test_what_was_learned_is_there_after_a_restart(opened: Opened, make: Maker) -> None:
    async with opened() as mem0:
        await mem0.extract([make.record(SAID, role="user")], wait=True)
    async with opened() as mem0:
        assert [each.text for each in await scanned(mem0, Reach.only(make.scope()))] == [FACT]


async def test_the_platform_learns_later_and_waiting_is_waiting_for_it(
    platform: Mapping[str, str], tmp_path: Path, clock: Time, make: Maker
) -> None:
    async with hosted(platform, tmp_path, clock)() as mem0:
        start = time.perf_counter()
        assert list(await mem0.extract([make.record(SAID, role="user")], wait=False)) == []
        assert time.perf_counter() - start < LEARNING
        assert await scanned(mem0, Reach.only(make.scope())) == []
        assert len(await mem0.extract([make.record("I like tea.", role="user")], wait=True)) == 1
        assert time.perf_counter() - start >= LEARNING
        assert len(await scanned(mem0, Reach.only(make.scope()))) == 2


async def test_an_extraction_that_fails_afterwards_is_told_to_who_waits(
    platform: Mapping[str, str], tmp_path: Path, clock: Time, make: Maker
) -> None:
    async with hosted(platform, tmp_path, clock)() as mem0:
        with pytest.raises(Unavailable, match="failed over it"):
            await mem0.extract([make.record("I FAIL.", role="user")], wait=True)


async def test_waiting_has_an_end(platform: Mapping[str, str], tmp_path: Path, clock: Time, make: Maker) -> None:
    async with hosted(platform, tmp_path, clock, extract_timeout="50ms")() as mem0:
        with pytest.raises(Unavailable, match="has not come to an end"):
            await mem0.extract([make.record(SAID, role="user")], wait=True)


async def test_a_memory_that_mem0_made_without_our_document_is_read_by_its_owners_name(mem0: Mem0, make: Maker) -> None:
    """Written past the gateway: the name of the mem0 user is all that says whose it is."""
    record = make.record("to be overwritten")
    await mem0.put([record])
    way = way_of(mem0)
    (kept,) = await way.listed(Reach.only(make.scope()), Kind.MEMORY)
    if hasattr(way, "_memory"):
        told = await way._aside.run(
            lambda: way._memory.add("likes jazz", user_id=kept.owner, infer=False),
            10,
        )
    else:
        told = await way._client.add("likes jazz", user_id=kept.owner, infer=False)
    place = told["results"][0]["id"]
    reach = Reach.only(make.scope())
    (found,) = await mem0.get(reach, [place])
    assert found is not None and (found.text, found.scope) == ("likes jazz", make.scope())
    assert abs(found.created_at - Time().now) < timedelta(minutes=1)
    assert {each.id for each in await scanned(mem0, reach)} == {record.id, place}
    assert list(await mem0.get(Reach.only(make.scope("bob")), [place])) == [None]
    assert await mem0.delete(reach, [place]) == 1


def prompts(mem0: Mem0, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What mem0 asks its model from now on."""
    asked: list[str] = []
    llm = way_of(mem0)._memory.llm
    ask = llm.generate_response

    def noting(messages: list[dict[str, str]], **more: Any) -> Any:
        asked.append("\n".join(each["content"] for each in messages))
        return ask(messages=messages, **more)

    monkeypatch.setattr(llm, "generate_response", noting)
    return asked


ONLY_TEA = "Keep what is said about tea, and nothing else."


@pytest.mark.parametrize("place", ["config", "extraction", ""])
async def test_instructions_reach_the_model_that_mem0s_library_asks(
    place: str, model: str, store: str, tmp_path: Path, clock: Time, make: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    block = mem0_block(model, f"{store}/q", "memories")
    given = {
        "config": options(config={**block, "custom_instructions": ONLY_TEA}),
        "extraction": options(config=block, extraction={"prompt": ONLY_TEA}),
        "": options(config=block),
    }[place]
    async with opening(given, tmp_path, clock) as mem0:
        asked = prompts(mem0, monkeypatch)
        assert [each.text for each in await mem0.extract([make.record(SAID, role="user")], wait=True)] == [FACT]
    assert [ONLY_TEA in each for each in asked] == [bool(place)]


async def test_a_procedural_memory_is_one_account_of_all_that_was_done_and_a_memory_of_its_scope(
    model: str, store: str, tmp_path: Path, clock: Time, make: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    turns = [make.record("Book a table.", role="user"), make.record("I opened the page.", role="assistant")]
    async with inside(model, store, tmp_path, clock, extraction={"memory_type": "procedural_memory"})() as mem0:
        asked = prompts(mem0, monkeypatch)
        (learned,) = await mem0.extract(turns, wait=True)
        assert [all(each.text in said for each in turns) and "procedural memory" in said for said in asked] == [True]
        assert learned.event == "ADD"
        (record,) = await scanned(mem0, Reach.only(make.scope()))
        assert (record.id, record.text, record.scope) == (learned.id, learned.text, make.scope())
        assert await scanned(mem0, Reach.only(make.scope("bob"))) == []
        (row,) = await way_of(mem0)._call(lambda: way_of(mem0)._memory.vector_store.list(top_k=9)[0])
        assert row.payload["memory_type"] == "procedural_memory"
        assert await mem0.delete(Reach.only(make.scope()), [learned.id]) == 1


async def test_what_steers_the_platforms_extraction_is_sent_with_the_messages(
    platform: Mapping[str, str], tmp_path: Path, clock: Time, make: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    steering = {"custom_instructions": ONLY_TEA, "custom_categories": [{"drinks": "what is drunk"}]}
    async with hosted(platform, tmp_path, clock, extraction=steering)() as mem0:
        http = way_of(mem0)._client.async_client
        sent: list[dict[str, Any]] = []

        async def note(request: Any) -> None:
            if request.url.path.endswith("/add/"):
                sent.append(json.loads(request.content))

        monkeypatch.setitem(http.event_hooks, "request", [note])
        assert len(await mem0.extract([make.record(SAID, role="user")], wait=True)) == 1
        await mem0.put([make.record("kept as it is")])
    learning, keeping = sent
    assert {name: learning[name] for name in (*steering, "infer")} == {**steering, "infer": True}
    assert keeping["infer"] is False and not steering.keys() & keeping.keys()


@pytest.mark.parametrize(
    ("extraction", "said"),
    [
        ({"user_id": "bob"}, "`extraction.user_id` is the gateway's to say"),
        ({"infer": False}, "`extraction.infer` is the gateway's to say"),
        ({"custom_instructions": "x"}, "stands in its `config`"),
        ({"memory_type": "semantic"}, "can only be `procedural_memory`"),
    ],
)
def test_extraction_cannot_say_whose_the_messages_are_nor_what_the_library_does_not_take(
    extraction: dict[str, Any], said: str
) -> None:
    with pytest.raises(msgspec.ValidationError, match=said):
        options(config=mem0_block("http://x/v1", "q", "c"), extraction=extraction)
