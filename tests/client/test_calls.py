"""Both clients against a gateway: what goes out comes back, whatever is in it, from any thread and any loop."""

import asyncio
from collections.abc import AsyncGenerator, Generator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest

from gateway.client import AsyncGateway, Conflict, Gateway, Invalid, Malformed, NotFound

pytestmark = pytest.mark.xdist_group("client")  # they share a gateway


@pytest.fixture
def gateway(gateway_url: str) -> Generator[Gateway]:
    with Gateway(gateway_url, user_id=uuid4().hex) as client:
        yield client


@pytest.fixture
async def later(gateway_url: str) -> AsyncGenerator[AsyncGateway]:
    async with AsyncGateway(gateway_url, user_id=uuid4().hex) as client:
        yield client


def test_memories_live_their_life(gateway: Gateway) -> None:
    memories = gateway.memories
    one = memories.add("likes tea", metadata={"n": 1, "tags": ["a"]}, role="user", ttl_seconds=60)
    assert (one.content, one.metadata, one.event, one.replayed) == ("likes tea", {"n": 1, "tags": ["a"]}, "ADD", False)
    assert one.expires_at is not None and one.created_at.tzinfo is not None
    batch = memories.add_batch(
        [{"content": "lives in Oslo"}, {"content": ""}, {"messages": [{"role": "user", "content": "x"}]}]
    )
    assert [each.event for each in batch.results] == ["ADD", "ERROR", "ADD"]
    found = memories.search("what does he drink, tea?", top_k=1, explain=True)
    assert [each.id for each in found] == [one.id] and len(found) == 1 and found.truncated
    assert found.explain is not None and found.explain.route == "everything"
    assert "- likes tea" in memories.context("tea").text
    assert [each.id for each in memories.list(filters={"n": {"gte": 1}}, order="oldest")] == [one.id]
    page = memories.list(limit=2)
    assert page.cursor is not None and len(memories.list(limit=2, cursor=page.cursor)) == 1
    changed = memories.update(one.id, content={"drink": None}, metadata={"n": None}, expires_at=None, version=1)
    assert (changed.content, changed.metadata, changed.expires_at) == ({"drink": None}, {"tags": ["a"]}, None)
    with pytest.raises(Conflict, match="version_mismatch"):
        memories.update(one.id, content="z", version=1)
    assert [each.event for each in memories.history(one.id)] == ["ADD", "UPDATE"]
    assert memories.delete(one.id).deleted == 1
    assert memories.delete_all(filters={"text": {"icontains": "oslo"}}).deleted == 1
    assert memories.delete_all().deleted == 1
    with pytest.raises(Invalid, match="cannot_extract"):
        memories.extract([{"role": "user", "content": "x"}])


async def test_sessions_live_theirs(later: AsyncGateway) -> None:
    sessions = later.sessions
    minted = await sessions.mint(metadata={"channel": "web"})
    assert minted.created and [each.session_id for each in await sessions.list()] == [minted.session_id]
    said = [{"role": "system", "content": "be brief"}] + [
        {"role": "user", "content": f"m{n}", "x": n} for n in range(5)
    ]
    placed = await sessions.append("s", said)
    assert [each.role for each in placed.messages] == ["system", *["user"] * 5]
    await sessions.append("s", {"role": "assistant", "content": None, "tool_calls": [{"id": "1"}]})
    last = await sessions.history("s", limit=2, roles=["user", "tool"], since=datetime(2020, 1, 1, tzinfo=UTC))
    assert [each.message for each in last] == said[-2:]
    assert len(await sessions.context("s", max_tokens=100)) == 7  # with the system prompt
    assert [each.session_id for each in await sessions.search("s", "m3", top_k=1)] == ["s"]
    assert (await sessions.stats("s")).messages == 6
    assert (await sessions.system("s")).system.content == "be brief"
    assert (await sessions.set_system("s", "be long")).system.content == "be long"
    assert (await sessions.delete_system("s")).deleted == 1
    assert "m1" in (await sessions.summarize("s")).summary
    assert (await sessions.trim("s", keep=4)).deleted == 2
    assert [each.content for each in await sessions.history("s")] == ["m2", "m3", "m4", None]
    assert (await sessions.clear("s")).deleted == 4
    assert (await sessions.delete("s")).deleted > 0


async def test_runs_live_theirs(later: AsyncGateway) -> None:
    checkpoints = later.checkpoints
    put = await checkpoints.put("r", {"a": [None, 0.1]}, tags=["t"], step_name="one", metadata={"k": 1})
    await checkpoints.put_named("r", "named", None, status="done", parent_id=put.checkpoint_id, sequence=2)
    assert (await checkpoints.get("r", put.checkpoint_id)).state == {"a": [None, 0.1]}
    assert (await checkpoints.latest("r")).state is None
    assert [each.checkpoint_id for each in await checkpoints.list("r", tag="t")] == [put.checkpoint_id]
    assert len(await checkpoints.list_all()) == 2
    assert (await checkpoints.find("named")).parent_id == put.checkpoint_id
    assert (await checkpoints.write("r", "named", [{"write_id": "w", "state": 1}])).stored == 1
    assert [each.state for each in await checkpoints.writes("r", "named")] == [1]
    assert (await checkpoints.delete("r", put.checkpoint_id)).deleted == 1
    assert (await checkpoints.drop("named")).deleted == 1
    assert (await checkpoints.prune("r", keep=0)).deleted == 0
    await later.runs.set_state("r", "running", metadata={"by": "me"})
    assert (await later.runs.state("r")).metadata == {"by": "me"}
    assert (await later.runs.delete("r")).deleted == 1
    with pytest.raises(NotFound, match="no_run"):
        await later.runs.state("r")


@pytest.mark.parametrize("odd", ["..", ".", "a/b", "a?b#c", "%2e%2e", "\u00fc \u6f22", "-", "a" * 200])
def test_an_id_is_one_segment_whatever_is_in_it(gateway: Gateway, odd: str) -> None:
    gateway.memories.add("to be kept")
    gateway.sessions.append(odd, {"role": "user", "content": odd})
    assert [each.content for each in gateway.sessions.history(odd)] == [odd]
    assert gateway.memories.delete(odd).deleted == 0
    gateway.checkpoints.put_named(odd, odd, odd)
    assert gateway.checkpoints.get(odd, odd).state == odd
    assert len(gateway.memories.list()) == 1


def test_an_empty_id_is_refused_before_it_can_mean_all(gateway: Gateway) -> None:
    one = gateway.memories.add("to be kept")
    for call in (gateway.memories.delete, gateway.sessions.delete, gateway.runs.delete):
        with pytest.raises(ValueError, match="empty"):
            call("")
    assert gateway.memories.get(one.id).content == "to be kept"


def test_a_bound_client_names_its_user_where_a_call_does_not(gateway: Gateway) -> None:
    ann, bob = uuid4().hex, uuid4().hex
    bound = gateway.user(ann)
    bound.memories.add("of ann")
    bound.memories.add("of bob", user_id=bob)
    assert [each.content for each in bound.memories.list()] == ["of ann"]
    assert [each.content for each in gateway.user(bob).memories.search("bob")] == ["of bob"]
    assert gateway.memories.list().memories == []
    with pytest.raises(Malformed, match="missing_scope_part") as refused:
        bound.scoped(user_id=None).memories.list()
    error = refused.value
    assert error.status == 400 and error.at == "user_id" and error.request_id and error.path == "/v1/memories"
    with pytest.raises(NotFound, match="no_route"):
        bound.memories.list(route="none")


def test_a_client_that_blocks_may_be_used_from_many_threads(gateway: Gateway) -> None:
    with ThreadPoolExecutor(8) as pool:
        added = list(pool.map(gateway.memories.add, [f"memory {number}" for number in range(40)]))
    assert len({each.id for each in added}) == 40
    assert len(gateway.memories.list()) == 40


def test_a_client_that_awaits_may_be_used_by_one_loop_after_another(gateway_url: str) -> None:
    client = AsyncGateway(gateway_url, user_id=uuid4().hex)

    async def add() -> int:
        await client.memories.add("x")
        return len(await client.memories.list())

    assert [asyncio.run(add()) for _ in range(3)] == [1, 2, 3]


async def test_a_person_is_handed_out(later: AsyncGateway) -> None:
    user = uuid4().hex
    await later.memories.add("x", user_id=user)
    page: Any = await later.subjects.export(user, kinds=["memory"])
    assert [(each.kind, each.content) for each in page] == [("memory", "x")]
