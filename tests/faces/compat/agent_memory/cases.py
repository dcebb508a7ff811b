"""Every public method of the agent-memory client that calls its server: what it does here."""

import inspect
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from agent_memory_client import MemoryAPIClient, create_memory_client
from agent_memory_client.exceptions import MemoryClientError, MemoryNotFoundError, MemoryServerError
from agent_memory_client.filters import CreatedAt, Entities, MemoryType, Namespace, SessionId, Topics, UserId
from agent_memory_client.models import (
    ClientMemoryRecord,
    CreateSummaryViewRequest,
    ForgetPolicy,
    MemoryMessage,
    MemoryStrategyConfig,
    WorkingMemory,
)

from tests.faces.compat.agent_memory.world import CLASSES, World
from tests.faces.compat.place import BACKENDS, named
from tests.faces.compat.proofs import Client, Proofs, methods_of

# What runs in the client alone: it opens and closes it, reads what a model has called, or checks before it is sent.
LOCAL = {"close", "parse_openai_function_call", "validate_memory_record", "validate_search_filters"}

PROOFS = proof = Proofs()
AGENT_MEMORY = Client(
    dialect="agent-memory v1",
    package="agent-memory-client",
    classes=CLASSES,
    methods=tuple(
        name
        for name in methods_of(MemoryAPIClient)
        if name not in LOCAL and not isinstance(inspect.getattr_static(MemoryAPIClient, name), classmethod)
    ),
    proofs=PROOFS,
    backends=BACKENDS,
)


def record(text: str, **more: Any) -> ClientMemoryRecord:
    return ClientMemoryRecord.model_validate({"text": text, "memory_type": "semantic", **more})


def said(*texts: str) -> list[MemoryMessage]:
    roles = ("user", "assistant")
    return [
        MemoryMessage(role=roles[at % 2], content=text, created_at=datetime.now(UTC)) for at, text in enumerate(texts)
    ]


def contents(memory: WorkingMemory) -> list[str]:
    return [each.content for each in memory.messages]


async def texts(client: MemoryAPIClient, text: str = "", **filters: Any) -> set[str]:
    return {each.text for each in (await client.search_long_term_memory(text, limit=50, **filters)).memories}


@proof("health_check", "answers with the time; without a key it is refused, so a client fails when it is made")
async def health_check(world: World) -> None:
    now = (await (await world.client()).health_check()).now
    assert abs(now - datetime.now(UTC).timestamp()) < 60
    with pytest.raises(MemoryClientError, match="Failed to connect"):
        await create_memory_client(world.place.url)


@proof(
    "list_sessions", "ids in pages with a count, by user and by namespace, of this tenant and within the key's right"
)
async def list_sessions(world: World) -> None:
    client, user, space = await world.client(), named(), named("ns")
    for number in range(3):
        await client.put_working_memory(
            f"{user}-{number}", WorkingMemory(session_id="x", user_id=user, messages=said("a"))
        )
    await client.put_working_memory(f"{user}-n", WorkingMemory(session_id="x", user_id=user, namespace=space))
    every = await client.list_sessions(user_id=user)
    assert (every.total, set(every.sessions)) == (4, {f"{user}-{each}" for each in (0, 1, 2, "n")})
    assert (await client.list_sessions(user_id=user, namespace=space)).sessions == [f"{user}-n"]
    pages = [(await client.list_sessions(user_id=user, limit=3, offset=at)).sessions for at in (0, 3, 6)]
    assert [len(each) for each in pages] == [3, 1, 0]
    assert set(pages[0] + pages[1]) == set(every.sessions)
    assert set((await client.list_sessions(limit=1000)).sessions) >= set(every.sessions)
    assert not set((await (await world.client("bound")).list_sessions(limit=1000)).sessions) & set(every.sessions)
    assert (await (await world.client(tenant="-other")).list_sessions(user_id=user)).total == 0


@proof(
    "put_working_memory", "replaces the whole: messages, memories, data, context, strategy and end; fields as they were"
)
async def put_working_memory(world: World) -> None:
    client, user, id_ = await world.client(), named(), named("s")
    first = WorkingMemory(
        session_id=id_,
        user_id=user,
        messages=[
            MemoryMessage(role="system", content="be brief"),
            *said("hello", "hi"),
            MemoryMessage(role="tool", content="{}"),
        ],
        memories=[record("likes tea", topics=["drinks"])],
        data={"trip": {"to": "Rome", "n": [1, None]}},
        context="they greeted",
        long_term_memory_strategy=MemoryStrategyConfig(strategy="summary", config={"n": 1}),
    )
    put = await client.put_working_memory(id_, first, context_window_max=1000)
    got = await client.get_working_memory(id_, user_id=user)
    for each in (put, got):
        assert [(m.role, m.content, m.id, m.created_at) for m in each.messages] == [
            (m.role, m.content, m.id, m.created_at) for m in first.messages
        ]
        assert (each.user_id, each.data, each.context) == (user, first.data, "they greeted")
        assert each.long_term_memory_strategy == first.long_term_memory_strategy
        assert [(m.id, m.text, m.topics, m.user_id) for m in each.memories] == [
            (first.memories[0].id, "likes tea", ["drinks"], user)
        ]
        assert each.memories[0].persisted_at is not None
    assert put.context_percentage_total_used is not None and 0 < put.context_percentage_total_used < 100
    second = WorkingMemory(session_id=id_, user_id=user, messages=said("anew"))
    await client.put_working_memory(id_, second)
    got = await client.get_working_memory(id_, user_id=user)
    assert (contents(got), got.memories, got.context, got.data) == (["anew"], [], None, {})
    await client.put_working_memory(
        id_, WorkingMemory(session_id=id_, user_id=user, messages=second.messages, ttl_seconds=900)
    )
    assert (await client.get_working_memory(id_, user_id=user)).ttl_seconds == 900
    with pytest.raises(MemoryServerError, match="content that is not empty") as caught:
        await client.put_working_memory(
            id_, WorkingMemory(session_id=id_, messages=[MemoryMessage(role="user", content=" ")])
        )
    assert caught.value.status_code == 400


@proof(
    "get_working_memory", "of exactly this owner, or of the only one there is; cut to a window; 404 where there is none"
)
async def get_working_memory(world: World) -> None:
    client, ada, bob, id_ = await world.client(), named("ada"), named("bob"), named("s")
    await client.put_working_memory(
        id_, WorkingMemory(session_id=id_, user_id=ada, namespace="ns", messages=said("of ada"))
    )
    assert contents(await client.get_working_memory(id_)) == ["of ada"]
    assert contents(await client.get_working_memory(id_, namespace="ns", user_id=ada)) == ["of ada"]
    for user, space in ((bob, None), (None, "other"), (ada, "other")):
        with pytest.raises(MemoryNotFoundError):
            await client.get_working_memory(id_, user_id=user, namespace=space)
    await client.put_working_memory(id_, WorkingMemory(session_id=id_, user_id=bob, messages=said("of bob")))
    assert contents(await client.get_working_memory(id_, user_id=bob)) == ["of bob"]
    with pytest.raises(MemoryServerError, match="several users"):
        await client.get_working_memory(id_)
    with pytest.raises(MemoryNotFoundError):
        await (await world.client("bound")).get_working_memory(id_)
    with pytest.raises(MemoryNotFoundError):
        await (await world.client(tenant="-other")).get_working_memory(id_)
    long = said(*(f"message number {number} of a long talk" for number in range(20)))
    await client.put_working_memory(id_, WorkingMemory(session_id=id_, user_id=bob, messages=long))
    short = await client.get_working_memory(id_, user_id=bob, context_window_max=30)
    assert contents(short) == [each.content for each in long][-len(short.messages) :]
    assert 1 <= len(short.messages) < 10
    whole = await client.get_working_memory(id_, user_id=bob, model_name="gpt-4o")
    assert (len(whole.messages), whole.tokens > 50) == (20, True)
    assert 0 < (whole.context_percentage_total_used or 0) < (whole.context_percentage_until_summarization or 0) < 100


@proof("get_or_create_working_memory", "says whether it was made; a second time it is there")
async def get_or_create_working_memory(world: World) -> None:
    client, user, id_ = await world.client(default_namespace=named("ns")), named(), named("s")
    created, memory = await client.get_or_create_working_memory(id_, user_id=user)
    assert (created, memory.session_id, memory.user_id, memory.messages) == (True, id_, user, [])
    assert memory.namespace == client.config.default_namespace
    created, memory = await client.get_or_create_working_memory(id_, user_id=user)
    assert (created, memory.user_id) == (False, user)
    assert (await client.get_or_create_working_memory(named("nobody")))[0]


@proof(
    "delete_working_memory", "all of it is gone, and of no other; a second time it is no error; needs the role eraser"
)
async def delete_working_memory(world: World) -> None:
    client, user, id_ = await world.client(), named(), named("s")
    for each in (id_, f"{id_}-other"):
        await client.put_working_memory(
            each, WorkingMemory(session_id=each, user_id=user, messages=said("a"), data={"n": 1})
        )
    with pytest.raises(MemoryServerError, match="lacks the role 'eraser'"):
        await (await world.client("writer")).delete_working_memory(id_, user_id=user)
    for _ in range(2):
        assert (await client.delete_working_memory(id_, user_id=user)).status == "ok"
    with pytest.raises(MemoryNotFoundError):
        await client.get_working_memory(id_, user_id=user)
    assert (await client.list_sessions(user_id=user)).sessions == [f"{id_}-other"]


@proof("set_working_memory_data", "the data is replaced, messages, context and memories stay")
async def set_working_memory_data(world: World) -> None:
    client, user, id_ = await world.client(), named(), named("s")
    await client.put_working_memory(
        id_, WorkingMemory(session_id=id_, user_id=user, messages=said("a", "b"), context="c", data={"old": 1})
    )
    assert (await client.set_working_memory_data(id_, {"new": {"n": 2}})).data == {"new": {"n": 2}}
    got = await client.get_working_memory(id_, user_id=user)
    assert (contents(got), got.context, got.data) == (["a", "b"], "c", {"new": {"n": 2}})


@proof(
    "add_memories_to_working_memory", "appended or replaced; at once they are long-term memories too, with the owner"
)
async def add_memories_to_working_memory(world: World) -> None:
    client, user, id_ = await world.client(), named(), named("s")
    await client.put_working_memory(id_, WorkingMemory(session_id=id_, user_id=user, messages=said("a")))
    await client.add_memories_to_working_memory(id_, [record("likes tea")])
    await client.add_memories_to_working_memory(id_, [record("has a cat")])
    got = await client.get_working_memory(id_, user_id=user)
    assert (contents(got), [each.text for each in got.memories]) == (["a"], ["likes tea", "has a cat"])
    assert await texts(client, user_id=UserId(eq=user), session_id=SessionId(eq=id_)) == {"likes tea", "has a cat"}
    await client.add_memories_to_working_memory(id_, [record("plays chess")], replace=True)
    assert [each.text for each in (await client.get_working_memory(id_)).memories] == ["plays chess"]
    assert len(await texts(client, user_id=UserId(eq=user))) == 3


@proof("update_working_memory_data", "merged, merged deeply or replaced")
async def update_working_memory_data(world: World) -> None:
    client, user, id_ = await world.client(), named(), named("s")
    await client.put_working_memory(
        id_, WorkingMemory(session_id=id_, user_id=user, messages=said("a"), data={"a": {"x": 1}})
    )
    for strategy, wanted in (
        ("deep_merge", {"a": {"x": 1, "y": 2}}), ("merge", {"a": {"y": 2}}), ("replace", {"a": {"y": 2}}),
    ):  # fmt: skip
        await client.update_working_memory_data(id_, {"a": {"y": 2}}, merge_strategy=strategy, user_id=user)  # pyright: ignore[reportArgumentType] -- one of its own words
        got = await client.get_working_memory(id_, user_id=user)
        assert (contents(got), got.data) == (["a"], wanted), strategy


@proof("append_messages_to_working_memory", "come after those that are there, which keep their ids and times")
async def append_messages_to_working_memory(world: World) -> None:
    client, user, id_ = await world.client(), named(), named("s")
    for number in range(3):
        await client.append_messages_to_working_memory(
            id_,
            [{"role": "user", "content": f"q{number}"}, {"role": "assistant", "content": f"a{number}"}],
            user_id=user,
        )
    before = await client.get_working_memory(id_, user_id=user)
    assert contents(before) == ["q0", "a0", "q1", "a1", "q2", "a2"]
    await client.append_messages_to_working_memory(id_, [*said("last")], user_id=user)
    after = await client.get_working_memory(id_, user_id=user)
    assert after.messages[:6] == before.messages
    assert (contents(after)[6:], (await client.list_sessions(user_id=user)).total) == (["last"], 1)


@proof("promote_working_memories_to_long_term", "those named are long-term memories, once")
async def promote_working_memories_to_long_term(world: World) -> None:
    client, user, id_ = await world.client(), named(), named("s")
    one, two = record("likes tea", user_id=user), record("has a cat", user_id=user)
    await client.put_working_memory(id_, WorkingMemory(session_id=id_, user_id=user, memories=[one, two]))
    for _ in range(2):
        assert (await client.promote_working_memories_to_long_term(id_, memory_ids=[one.id])).status == "ok"
    found = (await client.search_long_term_memory("", user_id=UserId(eq=user))).memories
    assert sorted((each.id, each.text) for each in found) == sorted(((one.id, one.text), (two.id, two.text)))


@proof(
    "create_long_term_memory",
    "kept with owner, topics, entities, type and dates; an id again replaces; words again do not count twice",
)
async def create_long_term_memory(world: World) -> None:
    client, user = await world.client(), named()
    when = datetime(2026, 1, 31, 12, tzinfo=UTC)
    made = record(
        "went to Rome", user_id=user, namespace="trips", session_id=named("s"), topics=["travel"], entities=["Rome"],
        memory_type="episodic", event_date=when, created_at=when, extracted_from=["m1"],
    )  # fmt: skip
    assert (await client.create_long_term_memory([made])).status == "ok"
    got = await client.get_long_term_memory(made.id)
    for name in ("text", "user_id", "namespace", "session_id", "topics", "entities", "memory_type", "event_date",
                 "created_at", "extracted_from"):  # fmt: skip
        assert getattr(got, name) == getattr(made, name), name
    await client.create_long_term_memory([made.model_copy(update={"text": "went to Rome by train", "topics": None})])
    assert await texts(client, user_id=UserId(eq=user)) == {"went to Rome by train"}
    assert (await client.get_long_term_memory(made.id)).topics is None
    twins = [record("likes tea", user_id=user) for _ in range(3)]
    await client.create_long_term_memory(twins[:2])
    assert (await client.search_long_term_memory("", user_id=UserId(eq=user))).total == 2
    await client.create_long_term_memory(twins[2:], deduplicate=False)
    assert (await client.search_long_term_memory("", user_id=UserId(eq=user))).total == 3
    with pytest.raises(MemoryServerError, match="this route needs user_id or agent_id or run_id"):
        await client.create_long_term_memory([record("nobody's")])


@proof("search_long_term_memory", "best first with `dist`, by every filter, in pages; only what the caller may see")
async def search_long_term_memory(world: World) -> None:
    client, ada, bob = await world.client(), named("ada"), named("bob")
    old = datetime(2020, 5, 1, tzinfo=UTC)
    await client.create_long_term_memory(
        [
            record(
                "drinks green tea every day", user_id=ada, topics=["food", "habits"], entities=["tea"], namespace="a"
            ),
            record("plays the violin", user_id=ada, topics=["music"], session_id=f"s1-{ada}", created_at=old),
            record(
                "owns a red bicycle", user_id=ada, topics=["habits"], memory_type="episodic", session_id=f"s2-{ada}"
            ),
            record("drinks tea with milk", user_id=bob, topics=["food"], namespace="b"),
        ]
    )
    mine = UserId(eq=ada)
    found = await client.search_long_term_memory("green tea", user_id=mine, limit=2)
    assert (found.memories[0].text, len(found.memories)) == ("drinks green tea every day", 2)
    assert 0 <= found.memories[0].dist <= found.memories[1].dist <= 1
    tea, violin, bicycle = "drinks green tea every day", "plays the violin", "owns a red bicycle"
    filters: list[tuple[dict[str, Any], set[str]]] = [
        ({}, {tea, violin, bicycle}),
        ({"topics": Topics(any=["food", "music"])}, {tea, violin}), ({"topics": Topics(all=["food", "habits"])}, {tea}),
        ({"topics": Topics(none=["habits"])}, {violin}), ({"entities": Entities(any=["tea"])}, {tea}),
        ({"memory_type": MemoryType(eq="episodic")}, {bicycle}), ({"memory_type": MemoryType(not_eq="episodic")}, {tea, violin}),
        ({"namespace": Namespace(eq="a")}, {tea}), ({"namespace": Namespace(not_eq="a")}, {violin, bicycle}),
        ({"session_id": SessionId(in_=[f"s1-{ada}", "x"])}, {violin}),
        ({"session_id": SessionId(not_in=[f"s1-{ada}"])}, {tea, bicycle}),
        ({"created_at": CreatedAt(lte=datetime(2021, 1, 1, tzinfo=UTC))}, {violin}),
        ({"created_at": CreatedAt(gte=datetime(2021, 1, 1, tzinfo=UTC))}, {tea, bicycle}),
    ]  # fmt: skip
    for more, wanted in filters:
        assert await texts(client, user_id=mine, **more) == wanted, more
    assert await texts(client, "tea", user_id=UserId(in_=[ada, bob]), topics=Topics(any=["food"])) >= {
        tea,
        "drinks tea with milk",
    }
    assert await texts(client, "something else altogether", user_id=mine, distance_threshold=0.05) == set()
    pages = [await client.search_long_term_memory("", user_id=mine, limit=2, offset=at) for at in (0, 2)]
    assert [(len(each.memories), each.next_offset) for each in pages] == [(2, 2), (1, None)]
    assert not await texts(await world.client(tenant="-other"), user_id=mine)
    with pytest.raises(MemoryServerError, match="own user only") as caught:
        await texts(await world.client("bound"), user_id=mine)
    assert caught.value.status_code == 403


@proof("search_all_long_term_memories", "each once, page by page")
async def search_all_long_term_memories(world: World) -> None:
    client, user = await world.client(), named()
    await client.create_long_term_memory([record(f"fact {number}", user_id=user) for number in range(7)])
    for text in ("", "fact"):
        found = [
            each.text
            async for each in client.search_all_long_term_memories(text, user_id=UserId(eq=user), batch_size=3)
        ]
        assert sorted(found) == [f"fact {number}" for number in range(7)]


@proof(
    "get_long_term_memory", "by the client's own id, on whichever route; another tenant's and another user's is absent"
)
async def get_long_term_memory(world: World) -> None:
    client, made = await world.client(), record("likes tea", user_id=named())
    await client.create_long_term_memory([made])
    assert (await client.get_long_term_memory(made.id)).text == "likes tea"
    for other in (await world.client(tenant="-other"), await world.client("bound")):
        with pytest.raises(MemoryNotFoundError):
            await other.get_long_term_memory(made.id)
    nobodys, shared = record("nobody's"), await world.client(route="shared")
    await shared.create_long_term_memory([nobodys])
    assert (await client.get_long_term_memory(nobodys.id)).user_id is None


@proof("edit_long_term_memory", "what is named changes, what is not stays; whose it is does not change")
async def edit_long_term_memory(world: World) -> None:
    client, user = await world.client(), named()
    made = record("likes tea", user_id=user, topics=["drinks"], entities=["tea"])
    await client.create_long_term_memory([made])
    edited = await client.edit_long_term_memory(made.id, {"text": "likes coffee", "topics": ["hot drinks"]})
    assert (edited.text, edited.topics, edited.entities) == ("likes coffee", ["hot drinks"], ["tea"])
    await client.edit_long_term_memory(made.id, {"memory_type": "episodic", "event_date": "2026-02-01T10:00:00Z"})
    got = await client.get_long_term_memory(made.id)
    assert (got.text, got.memory_type, got.user_id) == ("likes coffee", "episodic", user)
    assert got.event_date == datetime(2026, 2, 1, 10, tzinfo=UTC)
    assert await texts(client, "coffee", user_id=UserId(eq=user)) == {"likes coffee"}
    with pytest.raises(MemoryServerError, match="whose a memory is does not change"):
        await client.edit_long_term_memory(made.id, {"user_id": "somebody else"})
    with pytest.raises(MemoryServerError, match="unknown field `colour`"):
        await client.edit_long_term_memory(made.id, {"colour": "red"})
    with pytest.raises(MemoryNotFoundError):
        await client.edit_long_term_memory("01ARZ3NDEKTSV4RRFFQ69G5FAV", {"text": "x"})


@proof("delete_long_term_memories", "those named are gone, and nothing else")
async def delete_long_term_memories(world: World) -> None:
    client, user = await world.client(), named()
    gone, too, stays = (record(text, user_id=user) for text in ("a", "b", "c"))
    await client.create_long_term_memory([gone, too, stays])
    assert (await (await world.client("bound")).delete_long_term_memories([gone.id])).status == "ok, deleted 0 memories"
    status = (await client.delete_long_term_memories([gone.id, too.id, "unknown"])).status
    assert (status, await texts(client, user_id=UserId(eq=user))) == ("ok, deleted 2 memories", {"c"})
    assert (await client.delete_long_term_memories([])).status == "ok, deleted 0 memories"
    with pytest.raises(MemoryNotFoundError):
        await client.get_long_term_memory(gone.id)


@proof(
    "forget_long_term_memories",
    "by age, type and budget, of those named; pinned ones stay; a dry run says what would go",
)
async def forget_long_term_memories(world: World) -> None:
    client, user, other = await world.client(), named(), named()
    old = datetime.now(UTC) - timedelta(days=40)
    aged = [record(f"old {number}", user_id=user, created_at=old) for number in range(3)]
    episodic = record("old episode", user_id=user, created_at=old, memory_type="episodic")
    young = [record(f"young {number}", user_id=user) for number in range(2)]
    theirs = record("old of another", user_id=other, created_at=old)
    await client.create_long_term_memory([*aged, episodic, *young, theirs])
    policy = ForgetPolicy(max_age_days=30, memory_type_allowlist=["semantic"])
    dry = await client.forget_long_term_memories(policy, user_id=user, dry_run=True, pinned_ids=[aged[0].id])
    assert (dry.scanned, dry.deleted, dry.dry_run) == (6, 2, True)
    assert set(dry.deleted_ids) == {aged[1].id, aged[2].id}
    assert len(await texts(client, user_id=UserId(eq=user))) == 6
    with pytest.raises(MemoryServerError, match="lacks the role 'eraser'"):
        await (await world.client("writer")).forget_long_term_memories(policy, user_id=user)
    done = await client.forget_long_term_memories(policy, user_id=user, pinned_ids=[aged[0].id])
    assert (set(done.deleted_ids), done.dry_run) == (set(dry.deleted_ids), False)
    left = {"old 0", "old episode", "young 0", "young 1"}
    assert await texts(client, user_id=UserId(eq=user)) == left
    assert (await client.forget_long_term_memories(ForgetPolicy(), user_id=user)).deleted == 0
    assert (await client.forget_long_term_memories(ForgetPolicy(max_inactive_days=1), user_id=user)).deleted == 0
    assert (await client.forget_long_term_memories(ForgetPolicy(budget=3), user_id=user)).deleted == 1
    assert len(await texts(client, user_id=UserId(eq=user))) == 3
    assert await texts(client, user_id=UserId(eq=other)) == {"old of another"}


@proof("bulk_create_long_term_memories", "every batch is kept")
async def bulk_create_long_term_memories(world: World) -> None:
    client, user = await world.client(), named()
    batches = [[record(f"{batch}-{number}", user_id=user) for number in range(3)] for batch in range(2)]
    done = await client.bulk_create_long_term_memories(batches, batch_size=2, delay_between_batches=0)
    assert [each.status for each in done] == ["ok"] * 4
    assert len(await texts(client, user_id=UserId(eq=user))) == 6


@proof("memory_prompt", "the context, the messages, the memories that matter as data, then what is asked")
async def memory_prompt(world: World) -> None:
    client, user, id_ = await world.client(), named(), named("s")
    await client.create_long_term_memory(
        [record("is allergic to peanuts", user_id=user), record("of another", user_id=named())]
    )
    await client.put_working_memory(
        id_, WorkingMemory(session_id=id_, user_id=user, messages=said("hello", "hi"), context="they met")
    )
    prompt = await client.memory_prompt(
        "which allergy?", session_id=id_, user_id=user, long_term_search={"limit": 5}, context_window_max=1000
    )
    turns = [(each["role"], each["content"]["text"]) for each in prompt["messages"]]
    assert [role for role, _ in turns] == ["system", "user", "assistant", "system", "user"]
    assert "they met" in turns[0][1]
    assert "is allergic to peanuts" in turns[3][1] and "of another" not in turns[3][1]
    assert (turns[1][1], turns[4][1]) == ("hello", "which allergy?")
    assert [each["text"] for each in prompt["long_term_memories"]] == ["is allergic to peanuts"]
    alone = await client.memory_prompt("hm?", session_id=named("none"), user_id=user)
    assert [each["role"] for each in alone["messages"]] == ["user"]
    with pytest.raises(MemoryServerError, match="session, long_term_search or both"):
        await client.memory_prompt("hm?")


@proof("hydrate_memory_prompt", "the memories that filters find, then what is asked")
async def hydrate_memory_prompt(world: World) -> None:
    client, user = await world.client(), named()
    await client.create_long_term_memory(
        [record("likes tea", user_id=user, topics=["a"]), record("likes tea too", user_id=user)]
    )
    prompt = await client.hydrate_memory_prompt("tea?", user_id={"eq": user}, topics={"any": ["a"]})
    assert [each["text"] for each in prompt["long_term_memories"]] == ["likes tea"]
    assert [each["role"] for each in prompt["messages"]] == ["system", "user"]


@proof("search_memory_tool", "the same search in words for a model")
async def search_memory_tool(world: World) -> None:
    client, user = await world.client(), named()
    await client.create_long_term_memory([record("likes green tea", user_id=user, topics=["drinks"])])
    told = await client.search_memory_tool("green tea", topics=["drinks"], user_id=user)
    assert [each["text"] for each in told["memories"]] == ["likes green tea"]
    assert 0 < told["memories"][0]["relevance_score"] <= 1
    assert (await client.search_memory_tool("something else altogether", user_id=user, min_relevance=0.95))[
        "memories"
    ] == []


@proof("get_working_memory_tool", "the same session in words for a model")
async def get_working_memory_tool(world: World) -> None:
    client, user, id_ = await world.client(), named(), named("s")
    await client.put_working_memory(
        id_, WorkingMemory(session_id=id_, user_id=user, messages=said("a", "b"), data={"n": 1})
    )
    told = await client.get_working_memory_tool(id_, user_id=user)
    assert (told["message_count"], told["data"]) == (2, {"n": 1})


@proof("get_or_create_working_memory_tool", "says whether it was made")
async def get_or_create_working_memory_tool(world: World) -> None:
    client, user, id_ = await world.client(), named(), named("s")
    for created in (True, False):
        assert (await client.get_or_create_working_memory_tool(id_, user_id=user))["created"] is created


@proof("add_memory_tool", "is found afterwards")
async def add_memory_tool(world: World) -> None:
    client, user, id_ = await world.client(), named(), named("s")
    told = await client.add_memory_tool(id_, "likes tea", "semantic", topics=["drinks"], user_id=user)
    assert told["success"], told
    assert await texts(client, user_id=UserId(eq=user), topics=Topics(any=["drinks"])) == {"likes tea"}


@proof("update_memory_data_tool", "is there afterwards")
async def update_memory_data_tool(world: World) -> None:
    client, id_ = await world.client(), named("s")
    told = await client.update_memory_data_tool(id_, {"to": "Rome"})
    assert told["success"], told
    assert (await client.get_working_memory(id_)).data == {"to": "Rome"}


def _calls(user: str) -> list[dict[str, Any]]:
    made = {"memories": [{"text": "likes tea", "memory_type": "semantic"}]}
    return [
        {"name": "eagerly_create_long_term_memory", "arguments": made},
        {"name": "search_memory", "arguments": {"query": "tea", "user_id": user}},
        {"name": "get_or_create_working_memory", "arguments": {}},
        {"name": "update_working_memory_data", "arguments": {"data": {"n": 1}}},  # the client names no user there
        {"name": "get_or_create_working_memory", "arguments": {}},
    ]


def _resolved(told: list[Any]) -> None:
    assert [each["success"] for each in told] == [True] * 5, told
    assert [each["text"] for each in told[1]["result"]["memories"]] == ["likes tea"]
    assert told[4]["result"]["data"] == {"n": 1}


@proof("resolve_tool_call", "what a model has called is done")
async def resolve_tool_call(world: World) -> None:
    client, user, id_ = await world.client(), named(), named("s")
    _resolved([await client.resolve_tool_call(each, id_, user_id=user) for each in _calls(user)])


@proof("resolve_tool_calls", "what a model has called is done, in order")
async def resolve_tool_calls(world: World) -> None:
    client, user, id_ = await world.client(), named(), named("s")
    _resolved(list(await client.resolve_tool_calls(_calls(user), id_, user_id=user)))


@proof("resolve_function_call", "what a model has called is done, down to editing and deleting")
async def resolve_function_call(world: World) -> None:
    client, user, id_ = await world.client(), named(), named("s")
    made = record("likes tea", user_id=user)
    await client.create_long_term_memory([made])
    for name, arguments in (
        ("get_long_term_memory", {"memory_id": made.id}), ("edit_long_term_memory", {"memory_id": made.id, "text": "x"}),
        ("delete_long_term_memories", {"memory_ids": [made.id]}),
    ):  # fmt: skip
        told = await client.resolve_function_call(name, arguments, id_, user_id=user)
        assert told["success"], told
    assert await texts(client, user_id=UserId(eq=user)) == set()
    assert not (await client.resolve_function_call("get_long_term_memory", {"memory_id": made.id}, id_))["success"]


@proof("resolve_function_calls", "what a model has called is done, in order")
async def resolve_function_calls(world: World) -> None:
    client, user, id_ = await world.client(), named(), named("s")
    _resolved(list(await client.resolve_function_calls(_calls(user), id_, user_id=user)))


async def refused(call: Any, words: str) -> None:
    with pytest.raises(MemoryServerError, match=words) as caught:
        await call
    assert caught.value.status_code == 501


VIEWS = "no model writes summaries"


@proof("list_summary_views", "no model writes summaries of memories", "refused")
async def list_summary_views(world: World) -> None:
    await refused((await world.client()).list_summary_views(), VIEWS)


@proof("create_summary_view", "no model writes summaries of memories", "refused")
async def create_summary_view(world: World) -> None:
    request = CreateSummaryViewRequest(source="long_term", group_by=["user_id"])
    await refused((await world.client()).create_summary_view(request), VIEWS)


@proof("get_summary_view", "no model writes summaries of memories", "refused")
async def get_summary_view(world: World) -> None:
    await refused((await world.client()).get_summary_view("v"), VIEWS)


@proof("delete_summary_view", "no model writes summaries of memories", "refused")
async def delete_summary_view(world: World) -> None:
    await refused((await world.client()).delete_summary_view("v"), VIEWS)


@proof("run_summary_view_partition", "no model writes summaries of memories", "refused")
async def run_summary_view_partition(world: World) -> None:
    await refused((await world.client()).run_summary_view_partition("v", {}), VIEWS)


@proof("list_summary_view_partitions", "no model writes summaries of memories", "refused")
async def list_summary_view_partitions(world: World) -> None:
    await refused((await world.client()).list_summary_view_partitions("v"), VIEWS)


@proof("run_summary_view", "no model writes summaries of memories", "refused")
async def run_summary_view(world: World) -> None:
    await refused((await world.client()).run_summary_view("v"), VIEWS)


@proof("get_task", "everything is done when it is answered", "refused")
async def get_task(world: World) -> None:
    await refused((await world.client()).get_task("t"), "there are no tasks")
