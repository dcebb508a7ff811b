"""FastAgentic itself, with a gateway as its memory: an App's endpoints, sessions, durable runs and hooks."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Generator
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

import httpx
import pytest
from fastagentic import App, Checkpoint, CheckpointManager, CheckpointMetadata, agent_endpoint, run, run_opaque
from fastagentic.adapters.base import BaseAdapter
from fastagentic.checkpoint.base import CheckpointConfig, CheckpointStatus
from fastagentic.durability import CheckpointManager as DurableManager
from fastagentic.hooks.base import Hook, HookContext, HookResult, hook, reset_hooks
from fastagentic.types import StreamEvent, StreamEventType

from gateway.client import AsyncGateway
from gateway.client.frameworks.fastagentic import (
    GatewayCheckpointStore,
    GatewayDurableStore,
    GatewayProvider,
    GatewaySessionMemory,
    MemoryRejected,
    inject_memory,
    route,
)

pytestmark = pytest.mark.xdist_group("frameworks")  # they share a gateway


@pytest.fixture
async def gateway(gateway_url: str) -> AsyncGenerator[AsyncGateway]:
    """Each test is a user of its own where it names none."""
    async with AsyncGateway(gateway_url, user_id=uuid4().hex) as client:
        yield client


@pytest.fixture(autouse=True)
def hooks() -> Generator[None]:
    yield
    reset_hooks()


@asynccontextmanager
async def served(app: App) -> AsyncGenerator[httpx.AsyncClient]:
    """As two users: by their tokens."""
    async with (
        app._lifespan(app.fastapi),  # pyright: ignore[reportPrivateUsage] - as a server would
        httpx.AsyncClient(transport=httpx.ASGITransport(app.fastapi), base_url="http://app") as http,
    ):
        yield http


def application(gateway: AsyncGateway) -> App:
    return App(
        title="t",
        memory=GatewayProvider(gateway),
        session_memory=GatewaySessionMemory(gateway),  # pyright: ignore[reportArgumentType] - annotated as the other one
        mcp_enabled=False,
        a2a_enabled=False,
    )


async def ask(http: httpx.AsyncClient, path: str, who: str, message: str) -> Any:
    reply = await http.post(path, json={"message": message}, headers={"Authorization": f"Bearer {who}"})
    assert reply.status_code == 200, reply.text
    return reply.json()["result"]


async def test_memories_are_injected_into_what_the_agent_gets_and_not_into_what_is_kept(gateway: AsyncGateway) -> None:
    seen: list[tuple[str, list[Any]]] = []
    alice, bob = uuid4().hex, uuid4().hex

    async def agent(body: dict[str, Any], ctx: Any) -> str:
        seen.append((body["message"], ctx.memories))
        return "; ".join(m["content"] for m in ctx.memories) or "I know nothing"

    app = application(gateway)
    route(app, "/chat", inject_memory(agent, max_memories=5, min_relevance=0.25))
    async with served(app) as http:
        assert await ask(http, "/chat", alice, "I prefer dark mode in my editor") == "I know nothing"
        assert "dark mode" in await ask(http, "/chat", alice, "which mode do I prefer in my editor?")
        assert await ask(http, "/chat", alice, "how far away is the moon?") == "I know nothing"
        assert await ask(http, "/chat", bob, "which mode do I prefer in my editor?") == "I know nothing"
    prompt, memories = seen[1]
    assert "I prefer dark mode in my editor" in prompt and prompt.endswith("\n\nwhich mode do I prefer in my editor?")
    assert memories and memories[0]["messages"][0] == {"role": "user", "content": "I prefer dark mode in my editor"}
    assert seen[0] == ("I prefer dark mode in my editor", [])
    assert seen[2][1] == []
    kept = await GatewayProvider(gateway).get_all(memories[0]["user_id"])
    assert [each["messages"][0]["content"] for each in kept] == [
        "how far away is the moon?",
        "which mode do I prefer in my editor?",
        "I prefer dark mode in my editor",
    ]


async def test_an_endpoint_of_fastagentics_own_refuses_every_body(gateway: AsyncGateway) -> None:
    """Why `route` is there; once this fails, it is not needed any more."""

    @agent_endpoint(path="/own")
    async def own(_body: dict[str, Any], _ctx: Any = None) -> str:  # pyright: ignore[reportUnusedFunction] - registered
        return "never"

    async with served(application(gateway)) as http:
        assert (await http.post("/own", json={"message": "x"})).status_code == 422


async def test_memory_and_session_memory_are_at_hand_in_an_endpoint(gateway: AsyncGateway) -> None:
    async def manual(body: dict[str, Any], ctx: Any) -> dict[str, Any]:
        memory, user = ctx.memory, ctx.user.id
        await memory.add(user_id=user, content="likes tea", metadata={"category": "preferences"})
        await memory.add(user_id=user, content="lives in Oslo", metadata={"category": "facts"})
        found = await memory.search(user_id=user, query=body["message"], limit=5, filters={"category": "preferences"})
        pair = [{"role": "user", "content": body["message"]}, {"role": "assistant", "content": "tea"}]
        await memory.add(user_id=user, messages=pair)
        await ctx.app.session_memory.add_message("s1", pair[0])
        return {"found": found, "all": await memory.get_all(user)}

    app = application(gateway)
    route(app, "/manual", manual)
    async with served(app) as http:
        told = await ask(http, "/manual", uuid4().hex, "what does he drink?")
    assert [each["memory"] for each in told["found"]] == ["likes tea"]
    assert all(each["memory"] == each["content"] for each in told["found"] + told["all"])
    assert told["all"][0]["content"] == "user: what does he drink?\nassistant: tea"
    assert [each["role"] for each in told["all"][0]["messages"]] == ["user", "assistant"]
    assert await GatewaySessionMemory(gateway).get_messages("s1") == [
        {"role": "user", "content": "what does he drink?"}
    ]


@pytest.mark.parametrize("strategy", ["relevant", "recent", "all", "custom"])
async def test_every_strategy_has_its_say(gateway: AsyncGateway, strategy: Any) -> None:
    provider, user = GatewayProvider(gateway), uuid4().hex
    for number in range(3):
        await provider.add(user, f"fact {number} about cats", {"important": number == 1})

    async def agent(_: str, ctx: Any) -> list[str]:
        return [m["content"] for m in ctx.memories]

    def important(_: Any, memories: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return [each for each in memories if each["metadata"]["important"]]

    app = application(gateway)
    selector = important if strategy == "custom" else None
    most = 3 if strategy == "custom" else 2
    wrapped = inject_memory(agent, strategy=strategy, max_memories=most, selector=selector, store=False)
    context = context_of(app, user)
    found = await wrapped.invoke("cats", context)
    assert context.memories and found == [each["content"] for each in context.memories]
    if strategy == "custom":
        assert found == ["fact 1 about cats"]
    else:
        assert len(found) == 2
    if strategy == "recent":
        assert found == ["fact 2 about cats", "fact 1 about cats"]
    assert len(await provider.get_all(user)) == 3
    with pytest.raises(ValueError, match="custom"):
        inject_memory(agent, strategy="custom")


def context_of(app: App, user: str | None) -> Any:
    from fastagentic.context import AgentContext, RunContext, UserInfo

    return AgentContext(run=RunContext(uuid4().hex, "/", UserInfo(user) if user else None), app=app)


async def test_nobody_asking_is_nobodys_memory(gateway: AsyncGateway) -> None:
    async def agent(_: str, _ctx: Any) -> str:
        return "never"

    with pytest.raises(ValueError, match="names no user"):
        await inject_memory(agent).invoke("hi", context_of(application(gateway), None))


async def test_a_stream_passes_as_it_comes_and_is_kept_once(gateway: AsyncGateway) -> None:
    class Speaking(BaseAdapter):
        async def invoke(self, input: Any, ctx: Any) -> Any:  # noqa: A002 - theirs
            return "unused"

        async def stream(self, input: Any, ctx: Any) -> AsyncIterator[StreamEvent]:  # noqa: A002 - theirs
            for word in ("hello ", "there"):
                yield StreamEvent(type=StreamEventType.TOKEN, data={"content": word})
            yield StreamEvent(type=StreamEventType.DONE)

    app, user = application(gateway), uuid4().hex
    context = context_of(app, user)
    wrapped = inject_memory(Speaking())
    for _ in range(2):  # the same run, tried again
        events = [event.type.value async for event in wrapped.stream({"message": "hi"}, context)]
        assert events == ["token", "token", "done"]
    kept = await GatewayProvider(gateway).get_all(user)
    assert [each["content"] for each in kept] == ["user: hi\nassistant: hello there"]


async def test_a_memory_belongs_to_one_user_in_every_call(gateway: AsyncGateway) -> None:
    provider, owner, other = GatewayProvider(gateway), uuid4().hex, uuid4().hex
    one = await provider.add(owner, "x")
    await provider.update(owner, one, "y", {"a": 1})
    assert (await provider.get(owner, one) or {})["content"] == "y"
    assert await provider.get(other, one) is None
    with pytest.raises(ValueError, match="not found"):
        await provider.update(other, one, "hacked")
    await provider.delete(other, one)
    assert await provider.delete_all(other) == 0
    assert (await provider.get(owner, one) or {})["metadata"] == {"a": 1}
    for number in range(150):
        await provider.add(owner, f"memory {number}")
    assert len(await provider.get_all(owner, limit=130)) == 130
    assert await provider.delete_all(owner) == 151
    assert await provider.get_all(owner) == []


async def test_a_gateway_that_is_away_leaves_an_agent_without_memories_and_alive() -> None:
    async with AsyncGateway("http://127.0.0.1:9", retries=0) as away:
        assert await GatewayProvider(away).search("u", "q") == []
        assert await GatewayProvider(away).block("u", "q") == ("", [])


async def test_a_session_keeps_every_key_and_is_cleared_alone(gateway: AsyncGateway) -> None:
    memory = GatewaySessionMemory(gateway)
    message = {"role": "assistant", "content": None, "name": "bot", "tool_calls": [{"id": "1", "x": [0.5]}]}
    assert await memory.get_messages("unknown") == []
    for session in ("a", "b"):
        await memory.add_message(session, {"role": "user", "content": "I live in Oslo. It rains."})
        await memory.add_message(session, message)
    assert (await memory.get_messages("a"))[1] == message
    assert "Oslo" in await memory.summarize("a")
    assert await memory.summarize("unknown") == ""
    for _ in range(2):
        await memory.clear("a")
    assert await memory.get_messages("a") == []
    assert len(await memory.get_messages("b")) == 2


async def test_a_run_that_crashed_goes_on_without_repeating_what_was_finished(gateway: AsyncGateway) -> None:
    store = GatewayCheckpointStore(gateway)
    seen: list[str] = []
    crashes = {"b": 1, "c": 1}

    async def agent(_: Any, tracker: Any) -> str:
        for name in "abc":
            async with tracker.step(name) as step:
                if tracker.get_output(name):
                    continue
                seen.append(name)
                if crashes.get(name):
                    crashes[name] -= 1
                    raise RuntimeError(name)
                step.set_output(name)
        return "done"

    for attempt in range(2):
        with pytest.raises(RuntimeError):
            await run(agent, "in", run_id="r", store=store, resume=attempt > 0)
    assert await run(agent, "in", run_id="r", store=store, resume=True) == "done"
    assert seen == ["a", "b", "b", "c", "c"]
    calls: list[int] = []

    async def once(given: int) -> dict[str, int]:
        calls.append(given)
        return {"r": given}

    for _ in range(2):
        assert await run_opaque(once, 5, run_id="opaque", store=store) == {"r": 5}
    assert calls == [5]


async def test_checkpoints_come_back_as_they_were_newest_first_and_are_pruned(gateway: AsyncGateway) -> None:
    store = GatewayCheckpointStore(gateway)
    about = CheckpointMetadata(
        run_id="r",
        sequence=7,
        status=CheckpointStatus.COMPLETED,
        step_name="s",
        parent_id="p",
        tags=["t"],
        ttl_seconds=60,
    )
    one = Checkpoint(about, {"a": 1}, [{"role": "user"}], [{"id": "x"}], {"c": None})
    await store.save(one)
    assert await store.load(about.checkpoint_id) == one == await store.load_latest("r")
    assert await store.list_checkpoints("r") == [about]
    manager = CheckpointManager(store, CheckpointConfig(max_checkpoints_per_run=3))
    for step in range(5):
        await manager.create("r", {"step": step})
    kept = await store.list_checkpoints("r")
    assert [each.sequence for each in kept] == [4, 3, 2]
    assert (await store.list_checkpoints("r", limit=1))[0].sequence == 4
    await store.delete(kept[0].checkpoint_id)
    latest = await store.load_latest("r")
    assert latest is not None and latest.state == {"step": 3}
    assert await store.delete_run("r") == 2
    assert (await store.load_latest("r"), await store.load("none"), await store.cleanup_expired()) == (None, None, 0)


async def test_an_expired_checkpoint_is_not_shown(gateway: AsyncGateway) -> None:
    store = GatewayCheckpointStore(gateway)
    await store.save(Checkpoint(CheckpointMetadata(run_id="r", ttl_seconds=0.2)))
    assert await store.load_latest("r") is not None
    await asyncio.sleep(0.3)
    assert await store.load_latest("r") is None


async def test_all_the_runs_of_a_user_go_and_no_other_ones(gateway: AsyncGateway) -> None:
    ann, bob = uuid4().hex, uuid4().hex
    for user in (ann, bob):
        for name in ("one", "two"):
            await GatewayCheckpointStore(gateway.user(user)).save(Checkpoint(CheckpointMetadata(run_id=name)))
    assert await GatewayCheckpointStore(gateway).delete_user(ann) == 2
    assert await GatewayCheckpointStore(gateway.user(ann)).load_latest("one") is None
    assert await GatewayCheckpointStore(gateway.user(bob)).load_latest("one") is not None


async def test_durable_runs_keep_their_data_and_their_state(gateway: AsyncGateway) -> None:
    store = GatewayDurableStore(gateway)
    manager = DurableManager(store)
    await manager.create_checkpoint("r", {"step": 1})
    await manager.create_checkpoint("r", {"step": 2}, node="n")
    await manager.set_run_status("r", "running", {"by": "test"})
    assert await manager.get_resume_state("r") == {"step": 2}
    assert len(await manager.list_checkpoints("r")) == 2
    assert await manager.get_run_status("r") == "running"
    state = await store.get_run_state("r")
    assert state is not None and state["metadata"] == {"by": "test"}
    first = (await store.list_checkpoints("r"))[0]
    assert first["data"]["state"] == {"step": 1}
    await store.delete_checkpoint("r", first["checkpoint_id"])
    assert await store.get_checkpoint("r", first["checkpoint_id"]) is None
    assert await store.delete_run("r") == 2  # a checkpoint and the state
    assert (await store.get_run_state("r"), await store.get_latest_checkpoint("r")) == (None, None)


async def test_hooks_that_are_registered_are_called_around_memory(gateway: AsyncGateway) -> None:
    user = uuid4().hex
    told: list[tuple[str, Any, Any]] = []

    @hook("on_memory_add")
    async def redact(ctx: HookContext) -> HookResult:  # pyright: ignore[reportUnusedFunction] - registered
        assert ctx.user is not None
        told.append((ctx.user.id, ctx.memory_content, ctx.memory_query))
        return HookResult.modify((ctx.memory_content or "").replace("secret", "***"))

    @hook("on_memory_search")
    async def audit(ctx: HookContext) -> None:  # pyright: ignore[reportUnusedFunction] - registered
        told.append((ctx.memory_query or "", len(ctx.memory_results), ctx.memory_content))

    class Strict(Hook):
        async def on_memory_add(self, ctx: HookContext) -> HookResult:  # pyright: ignore[reportIncompatibleMethodOverride] - as documented
            if "forbidden" in (ctx.memory_content or ""):
                return HookResult.reject("not that")
            return HookResult.skip() if "boring" in (ctx.memory_content or "") else HookResult.proceed()

    provider = GatewayProvider(gateway, hooks=[Strict()])
    await provider.add(user, [{"role": "user", "content": "the secret is tea"}])
    assert await provider.add(user, "boring") == ""
    with pytest.raises(MemoryRejected, match="not that"):
        await provider.add(user, "forbidden")
    assert [each["content"] for each in await provider.search(user, "what is tea?")] == ["the *** is tea"]
    assert [each["content"] for each in await provider.get_all(user)] == ["the *** is tea"]
    assert told[0] == (user, "the secret is tea", None)
    assert told[-1] == ("what is tea?", 1, None)
