"""A window that slides: the last ten messages of a session, by a strategy, in what is kept, and for an agent."""

from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import httpx
import pytest
from tframex.util.memory import BaseMemoryStore  # pyright: ignore[reportMissingTypeStubs] - it ships none

from gateway.client import AsyncGateway
from gateway.client.frameworks.tframex import GatewayMemoryStore, Message
from tests.frameworks.tframex.models import Told, app_of
from tests.gateways import gateway

CONFIG = """
version: 1
providers: {main: {type: memory}}
strategies: {sliding_window: {type: recent}}
tenants:
  default:
    auth: {mode: open}
    chain: main
    routes:
      talk: {default: true, kinds: [message], retrieval: {strategy: sliding_window, top_k: 10}}
      brief: {kinds: [message], session: {max_messages: 10}}
"""
SAID = [f"Message {number}" for number in range(25)]


@pytest.fixture
async def client(tmp_path: Path) -> AsyncGenerator[AsyncGateway]:
    async with gateway(tmp_path, CONFIG) as served:
        transport = httpx.ASGITransport(app=served.app, raise_app_exceptions=False)
        async with AsyncGateway("http://localhost", transport=transport, user_id="ann") as opened:
            yield opened


async def filled(store: BaseMemoryStore) -> None:
    for text in SAID:
        await store.add_message(Message(role="user", content=text))


async def test_the_strategy_sliding_window_returns_the_last_ten(client: AsyncGateway) -> None:
    await filled(GatewayMemoryStore(client, "s"))
    for query in ("", "Message 3"):  # whatever is asked
        by_route = await client.sessions.search("s", query)
        by_name = await client.sessions.search("s", query, strategy="sliding_window", top_k=10)
        for found in (by_route, by_name):
            assert [each.content for each in reversed(found.results)] == SAID[-10:]
    few = await client.sessions.search("s", "Message 3", strategy="semantic", top_k=10)
    assert [each.content for each in reversed(few.results)] != SAID[-10:]
    await client.sessions.append("s", {"role": "user", "content": "one more"})
    slid = await client.sessions.search("s", "")
    assert [each.content for each in reversed(slid.results)] == [*SAID[-9:], "one more"]


async def test_a_route_keeps_the_last_ten_and_a_store_shows_them(client: AsyncGateway) -> None:
    kept = GatewayMemoryStore(client.scoped(route="brief"), "s")
    shown = GatewayMemoryStore(client, "t", max_messages=10)  # another session: routes of one chain share theirs
    for store in (kept, shown):
        await filled(store)
        assert [each.content for each in await store.get_history()] == SAID[-10:]
    assert len(await GatewayMemoryStore(client, "t").get_history()) == 25


async def test_an_agent_is_given_the_last_ten(client: AsyncGateway) -> None:
    store, model = GatewayMemoryStore(client, "agent", max_messages=10), Told()
    await filled(store)
    app: Any = app_of(model)

    @app.agent(name="Bot", system_prompt="s", memory_store=store, history_limit=50)
    async def bot() -> None: ...

    async with app.run_context() as run:
        await run.call_agent("Bot", "the newest")
    given = [each.content for each in model.seen[-1] if each.role == "user"]
    assert given == [*SAID[-9:], "the newest"]
