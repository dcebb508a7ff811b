"""The store is what TFrameX's agents want of a memory, and what its documentation promises."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast
from uuid import uuid4

import httpx
import pytest
from tframex import FunctionCall, ToolCall  # pyright: ignore[reportMissingTypeStubs] - it ships none
from tframex.util.memory import BaseMemoryStore, InMemoryMemoryStore  # pyright: ignore[reportMissingTypeStubs]

from gateway.client import AsyncGateway
from gateway.client.frameworks.tframex import GatewayMemoryStore, Message, memory_store_factory
from tests.frameworks.tframex.models import Told, app_of
from tests.gateways import QUICK, gateway
from tests.servers import Absent, redis


@pytest.fixture
async def client(gateway_url: str) -> AsyncGenerator[AsyncGateway]:
    async with AsyncGateway(gateway_url, user_id=f"user-{uuid4().hex[:8]}") as opened:
        yield opened


async def asked(store: BaseMemoryStore | None, *questions: str, model: Told | None = None, **more: Any) -> str:
    """What an agent in an app of its own says to the last question."""
    app: Any = app_of(model or Told(), **more)

    @app.agent(name="Bot", system_prompt="You help.", memory_store=store)
    async def bot() -> None: ...

    answer = ""
    async with app.run_context() as run:
        for question in questions:
            answer = (await run.call_agent("Bot", question)).content
    return answer


def contents(messages: list[Any]) -> list[str]:
    return [each.content for each in messages]


async def test_an_agent_made_anew_knows_what_was_said_before(client: AsyncGateway) -> None:
    assert await asked(GatewayMemoryStore(client, "s/1 ü"), "My name is Ada") == "You are Ada; you said My name is Ada"
    assert (await asked(GatewayMemoryStore(client, "s/1 ü"), "Who am I?")).startswith("You are Ada")
    assert (await asked(GatewayMemoryStore(client, "s"), "Who am I?")).startswith("You are unknown")
    assert (await asked(GatewayMemoryStore(client.user("eve"), "s/1 ü"), "Who am I?")).startswith("You are unknown")


BACKENDS = ("memory", "sqlite, path: data/t.db", "folder, path: data/sessions", "redis, url: '{redis}'")


@pytest.mark.parametrize("backend", BACKENDS, ids=[each.partition(",")[0] for each in BACKENDS])
async def test_an_agent_recalls_whatever_keeps_its_sessions(backend: str, tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        if "{redis}" in backend:
            try:
                server = stack.enter_context(redis.redis(tmp_path / "redis"))
            except Absent as missing:
                pytest.skip(f"absent: {missing}")
            backend = backend.format(redis=server["url"])
        kinds = QUICK.replace("[memory, message, checkpoint]", "[message]").format(provider=backend)
        served = await stack.enter_async_context(gateway(tmp_path, kinds))
        transport = httpx.ASGITransport(app=served.app, raise_app_exceptions=False)
        client = await stack.enter_async_context(AsyncGateway("http://localhost", transport=transport, user_id="ann"))
        await asked(GatewayMemoryStore(client, "s"), "My name is Ada", "And it rains")
        assert (await asked(GatewayMemoryStore(client, "s"), "Who am I?")).startswith("You are Ada")


async def test_the_newest_message_reaches_the_model_where_that_of_tframex_itself_does_not(client: AsyncGateway) -> None:
    """It asks for a limit of ten; its own store takes that for the oldest ten."""
    turns = [f"turn {n}" for n in range(8)]
    assert (await asked(GatewayMemoryStore(client, "s"), *turns)).endswith("you said turn 7")
    assert not (await asked(InMemoryMemoryStore(), *turns)).endswith("you said turn 7")


async def test_a_factory_gives_each_agent_a_session_or_all_of_them_one(client: AsyncGateway) -> None:
    own, shared = memory_store_factory(client), memory_store_factory(client, "team")
    for factory, knows in ((own, "unknown"), (shared, "Bob")):
        app: Any = app_of(Told(), default_memory_store_factory=factory)

        @app.agent(name="Analyst", system_prompt="s")
        async def analyst() -> None: ...

        @app.agent(name="Writer", system_prompt="s")
        async def writer() -> None: ...

        async with app.run_context() as run:
            await run.call_agent("Analyst", "my name is Bob")
            answer = await run.call_agent("Writer", "who?")
        assert answer.content.startswith(f"You are {knows}")
    named = iter(["a", "b"])
    made = memory_store_factory(client, lambda: next(named))
    assert [cast("GatewayMemoryStore", made()).session_id for _ in range(2)] == ["a", "b"]


async def test_two_agents_of_one_store_see_each_other(client: AsyncGateway) -> None:
    store = GatewayMemoryStore(client, "pair")
    app: Any = app_of(Told())

    @app.agent(name="Analyst", system_prompt="s", memory_store=store)
    async def analyst() -> None: ...

    @app.agent(name="Writer", system_prompt="s", memory_store=store)
    async def writer() -> None: ...

    async with app.run_context() as run:
        await run.call_agent("Analyst", "my name is Bob")
        assert "Bob" in (await run.call_agent("Writer", "who?")).content
    assert len(await store.get_history()) == 4


async def test_calls_and_answers_of_tools_come_back_whole_and_streams_as_one_message(client: AsyncGateway) -> None:
    store, model = GatewayMemoryStore(client, "tools"), Told()
    app: Any = app_of(model)

    @app.tool(name="weather", description="The weather of a city.")
    async def weather(city: str) -> str:
        return f"21 degrees in {city}"

    @app.agent(name="Bot", system_prompt="s", tools=["weather"], memory_store=store, history_limit=4)
    async def bot() -> None: ...

    async with app.run_context() as run:
        await run.call_agent("Bot", "the weather, please")
        said: list[str] = [chunk.content async for chunk in run.call_agent_stream("Bot", "My name is Zoe")]
    assert max(map(len, model.seen)) == 1 + 4  # the prompt, and as much history as the agent is to have
    history = await store.get_history()
    assert [each.role for each in history] == ["user", "assistant", "tool", "tool", "assistant", "user", "assistant"]
    calls = history[1].tool_calls
    assert calls is not None and history[1].content is None
    assert [call.id for call in calls] == [each.tool_call_id for each in history[2:4]] == ["cOslo", "cRome"]
    assert history[2].name == "weather"
    assert len(said) > 2 and history[-1].content == "".join(said)
    # No answer without its call begins what an agent is given; the two rows the store of TFrameX would begin with do.
    assert [each.role for each in await store.get_history(limit=5)] == ["assistant", "user", "assistant"]
    assert [each.role for each in await store.get_history(limit=1, offset=3)] == ["assistant", "tool", "tool"]
    assert [each.role for each in await store.get_history(limit=2, roles=["tool"])] == ["tool", "tool"]


async def test_history_is_the_last_so_many_after_the_newest_so_many_of_some_roles(client: AsyncGateway) -> None:
    store = GatewayMemoryStore(client, "long")
    said = [Message(role="user" if n % 3 else "assistant", content=f"m{n}") for n in range(230)]
    for start in range(0, 230, 46):
        await client.sessions.append("long", [each.model_dump(exclude_none=True) for each in said[start : start + 46]])
    everything = [each.content for each in said]
    assert contents(await store.get_history()) == everything
    for limit, offset in [(3, 0), (205, 0), (5, 7), (1, 229), (50, 200), (3, 400)]:
        end = max(0, 230 - offset)
        assert contents(await store.get_history(limit, offset)) == everything[max(0, end - limit) : end]
    assistants = [each.content for each in said if each.role == "assistant"]
    assert contents(await store.get_history(limit=4, offset=1, roles=["assistant"])) == assistants[-5:-1]
    assert await store.get_history(limit=0) == []
    assert contents(await store.get_context_window(10)) == everything[-len(await store.get_context_window(10)) :]
    assert 0 < len(await store.get_context_window(10)) < 10 < len(await store.get_context_window())
    await store.clear()
    assert await store.get_history() == []


async def test_memory_persistence(client: AsyncGateway) -> None:
    """The test of TFrameX's documentation, as it stands there but for the name of the store."""
    memory = GatewayMemoryStore(client, "persistence", max_messages=5)

    # Add messages
    for i in range(10):
        await memory.add_message(Message(role="user", content=f"Message {i}"))

    # Check only last 5 are kept
    history = await memory.get_history()
    assert len(history) == 5
    assert history[-1].content == "Message 9"


async def test_memory_filtering(client: AsyncGateway) -> None:
    """The other test of TFrameX's documentation."""
    memory = GatewayMemoryStore(client, "filtering")

    # Add messages with metadata
    await memory.add_message(Message(role="user", content="Important", metadata={"priority": "high"}))
    await memory.add_message(Message(role="user", content="not"), metadata={"priority": "low", "by": "side"})
    await memory.add_message(Message(role="user", content="none"))

    # Test filtering
    high_priority = await memory.get_messages_by_metadata(priority="high")
    assert len(high_priority) == 1
    assert cast("Message", high_priority[0]).metadata == {"priority": "high"}
    assert contents(await memory.get_messages_by_metadata(priority="low", by="side")) == ["not"]
    assert await memory.get_messages_by_metadata(priority="high", by="side") == []
    assert "metadata" not in high_priority[0].model_dump() and "timestamp" not in high_priority[0].model_dump()


async def test_messages_have_the_time_the_gateway_took_them_and_are_found_by_it(client: AsyncGateway) -> None:
    store = GatewayMemoryStore(client, "times")
    for n in range(4):
        await store.add_message(Message(role="user", content=f"m{n}"))
        await asyncio.sleep(0.005)
    times = [cast("Message", each).timestamp for each in await store.get_history()]
    assert times == sorted(cast("list[datetime]", times)) and None not in times
    first, last = cast("datetime", times[1]), cast("datetime", times[2])
    assert contents(await store.get_messages_by_date_range(first, last)) == ["m1", "m2"]
    naive = first.astimezone().replace(tzinfo=None)
    assert contents(await store.get_messages_by_date_range(naive, datetime.now(UTC))) == ["m1", "m2", "m3"]
    assert await store.get_messages_by_date_range(last + timedelta(days=1), last + timedelta(days=2)) == []


async def test_scopes_are_stores_beside_each_other(client: AsyncGateway) -> None:
    store = GatewayMemoryStore(client, "s")
    for scope in ("user_123", "system", "default"):
        await store.add_message(Message(role="user", content=f"in {scope}"), scope=scope)
    assert contents(await store.get_history()) == ["in default"]
    assert contents(await store.get_scope("user_123").get_history()) == ["in user_123"]
    assert contents(await store.scoped("system").get_history()) == ["in system"]
    odd = [GatewayMemoryStore(client, "s#a").scoped("b"), GatewayMemoryStore(client, "s").scoped("a#b")]
    assert odd[0].session_id != odd[1].session_id
    assert await GatewayMemoryStore(client, "s2").scoped("system").get_history() == []


async def test_messages_are_found_by_what_they_are_about(client: AsyncGateway) -> None:
    store = GatewayMemoryStore(client, "search")
    for text in ("The cat sleeps on the sofa", "Quarterly revenue grew", "Rain is expected", "Lunch at noon"):
        await store.add_message(Message(role="user", content=text))
    assert contents(await store.search("a sleeping cat", top_k=1)) == ["The cat sleeps on the sofa"]


async def test_a_window_of_tokens_keeps_calls_and_answers_together(client: AsyncGateway) -> None:
    store = GatewayMemoryStore(client, "tokens", max_tokens=40)
    call = ToolCall(id="c1", function=FunctionCall(name="f", arguments="{}"))
    await store.add_message(Message(role="user", content="word " * 60))
    await store.add_message(Message(role="assistant", tool_calls=[call]))
    await store.add_message(Message(role="tool", content="answer", tool_call_id="c1", name="f"))
    assert [each.role for each in await store.get_history(limit=10)] == ["assistant", "tool"]
