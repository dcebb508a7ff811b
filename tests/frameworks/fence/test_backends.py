"""Fence's agents on every backend that keeps sessions, and on routes that limit them."""

# pyright: basic
# Fence has annotations of its own, but no stubs, and not everywhere.

from collections.abc import Generator
from contextlib import ExitStack
from typing import Any

import pytest
from fence.agents import Agent, ChatAgent
from fence.templates.models import Message, TextContent, ToolUseBlock, ToolUseContent

from gateway.client import Gateway
from gateway.client.frameworks.fence import GatewayMemory
from tests.frameworks.fence.models import Echo
from tests.gateways import process
from tests.servers import Absent, postgres, redis

pytestmark = pytest.mark.xdist_group("frameworks")  # they share a gateway
BACKENDS = {
    "memory": "type: memory",
    "sqlite": "type: sqlite, path: data/t.db",
    "folder": "type: folder, path: data/sessions",
    "redis": 'type: redis, url: "{redis}"',
    "postgres": 'type: postgres, url: "postgresql://{postgres}"',
}
SERVERS = {"redis": (redis.redis, "url"), "postgres": (postgres.postgres, "authority")}
LIMITED = "      tokens: {chain: memory, kinds: [message], session: {max_tokens: 1000}}\n"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Generator[tuple[str, dict[str, str]]]:
    """One gateway with a route for each backend that this machine has; why it has not the others."""
    absent: dict[str, str] = {}
    with ExitStack() as stack:
        given: dict[str, str] = {}
        for name, (server, address) in SERVERS.items():
            try:
                given[name] = stack.enter_context(server(tmp_path_factory.mktemp(name)))[address]
            except Absent as missing:
                absent[name] = str(missing)
        there = {name: text.format(**given) for name, text in BACKENDS.items() if name not in absent}
        providers = "".join(f"  {name}: {{{options}, embedder: none}}\n" for name, options in there.items())
        routes = "".join(f"      {name}: {{chain: {name}, kinds: [message]}}\n" for name in there)
        home = tmp_path_factory.mktemp("fence")
        tenant = "tenants:\n  default:\n    auth: {mode: open}\n    routes:\n"
        (home / "gateway.yaml").write_text(f"version: 1\nproviders:\n{providers}{tenant}{routes}{LIMITED}")
        running = stack.enter_context(process(home / "gateway.yaml"))
        yield running.url, absent


def blocks(memory: GatewayMemory) -> list[Any]:
    shown: Any = memory.get_messages()
    return [message.content[0] for message in shown]


def texts(memory: GatewayMemory) -> list[str]:
    return [block.text for block in blocks(memory)]


@pytest.mark.parametrize("backend", BACKENDS)
def test_all_backends_have_the_same_interface(served: tuple[str, dict[str, str]], backend: str) -> None:
    url, absent = served
    if backend in absent:
        pytest.skip(f"absent: {absent[backend]}")
    with Gateway(url, user_id="ann", route=backend) as gateway:

        def remember(session: str = "s", **more: Any) -> GatewayMemory:
            return GatewayMemory(gateway, session, **more)

        def agent(kind: type[Any], **more: Any) -> Any:
            return kind(model=Echo(), memory=remember(), log_agentic_response=False, **more)

        agent(Agent, prefill="I understand.").run("Hello, my name is Alice and I like tea")
        answer = agent(Agent, prefill="I understand.").run("Who am I and what do I like?")
        assert "Alice" in answer and "tea" in answer
        assert "Alice" in ChatAgent(model=Echo(), memory=remember()).run("Who am I?")
        assert texts(remember()).count("I understand.") == 1
        assert "nothing" in Agent(model=Echo(), memory=remember("other"), log_agentic_response=False).run("Who am I?")
        assert len(texts(remember())) == 7 and texts(remember(newest=2)) == texts(remember())[-2:]

        memory = remember("blocks", share_system=True)
        call = ToolUseContent(content=ToolUseBlock(toolUseId="1", input={"a": 1.5}, name="t"))
        memory.set_system_message("be brief")
        memory.add_user_message("hi")
        memory.add_messages([Message(role="assistant", content=[TextContent(text="so"), call])])
        again = remember("blocks", share_system=True)
        assert blocks(again)[1:] == [TextContent(text="so"), call]
        assert again.get_system_message() == "be brief"
        again.trim(2)
        assert blocks(memory) == [TextContent(text="so"), call]
        again.clear()
        assert (memory.get_messages(), memory.get_system_message()) == ([], "be brief")

        limited = Agent(model=Echo(), memory=remember("limited"), max_memory_size=4, log_agentic_response=False)
        for number in range(4):
            limited.run(f"turn {number}")
        assert texts(remember("limited"))[::2] == ["turn 1", "turn 2", "turn 3"]


def test_a_session_holds_so_many_tokens_and_the_oldest_go_first(served: tuple[str, dict[str, str]]) -> None:
    url, _ = served
    said = [f"turn {number}: {'word ' * 40}".strip() for number in range(40)]
    with Gateway(url, user_id="ann", route="tokens") as gateway:
        model = Echo()
        agent = Agent(model=model, memory=GatewayMemory(gateway, "t"), log_agentic_response=False)
        for text in said:
            agent.run(text)
            assert gateway.sessions.stats("t").tokens <= 1000
        kept = [text for text in texts(GatewayMemory(gateway, "t")) if text.startswith("turn")]
        assert 5 < len(kept) < 40 and kept == said[-len(kept) :]
        assert model.seen[-1].messages[-1].content[0].text == said[-1]
        # Fence's own counts messages, and works on the same session.
        few = Agent(model=Echo(), memory=GatewayMemory(gateway, "t"), max_memory_size=4, log_agentic_response=False)
        few.run("the last")
        assert len(texts(GatewayMemory(gateway, "t"))) == 6
        assert texts(GatewayMemory(gateway, "t"))[-2] == "the last"
