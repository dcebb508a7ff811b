"""Fence's own agents with a gateway as their memory: what they say is kept, shared, trimmed and found again."""

# pyright: basic
# Fence has annotations of its own, but no stubs, and not everywhere.

import json
import tomllib
from collections.abc import Callable, Generator
from importlib.metadata import version
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from fence.agents import Agent, BedrockAgent, ChatAgent
from fence.memory.base import FleetingMemory
from fence.templates.models import (
    ImageBlob,
    ImageContent,
    Message,
    Source,
    TextContent,
    ToolResultBlock,
    ToolResultContent,
    ToolResultContentBlockJson,
    ToolResultContentBlockText,
    ToolUseBlock,
    ToolUseContent,
)
from fence.tools.base import BaseTool

from gateway.client import Gateway
from gateway.client.frameworks.fence import GatewayMemory
from tests.frameworks.fence.models import Converse, Echo, Titles

pytestmark = pytest.mark.xdist_group("frameworks")  # they share a gateway
Remember = Callable[..., GatewayMemory]


@pytest.fixture
def gateway(gateway_url: str) -> Generator[Gateway]:
    """Each test is a user of its own."""
    with Gateway(gateway_url, user_id=uuid4().hex) as client:
        yield client


@pytest.fixture
def remember(gateway: Gateway) -> Remember:
    """A memory of one session of this test; of others by `session`."""

    def remember(session: str = "s", **more: Any) -> GatewayMemory:
        return GatewayMemory(gateway, session, **more)

    return remember


def agent(memory: GatewayMemory | FleetingMemory, **more: Any) -> Any:
    return Agent(model=Echo(), memory=memory, log_agentic_response=False, **more)


def texts(memory: GatewayMemory) -> list[str]:
    return [blocks(message)[0].text for message in memory.get_messages()]


def blocks(message: Message) -> list[Any]:
    assert isinstance(message.content, list)
    return message.content


@pytest.mark.parametrize("kind", [Agent, ChatAgent])
def test_an_agent_recalls_what_another_object_of_it_was_told(remember: Remember, kind: type[Any]) -> None:
    kind(model=Echo(), memory=remember()).run("Hello, my name is Alice and I like tea")
    answer = kind(model=Echo(), memory=remember()).run("Who am I and what do I like?")
    assert "Alice" in answer
    assert "tea" in answer
    assert "nothing" in kind(model=Echo(), memory=remember("another")).run("Who am I?")


def test_a_bedrock_agent_keeps_what_its_tools_were_asked_and_answered(remember: Remember) -> None:
    class Weather(BaseTool):
        """weather lookup"""

        def execute_tool(self, environment: Any = None, city: str = "", height: float = 0, **_: Any) -> Any:
            return {"temp": 21.5 - height, "city": city}

    memory = remember()
    asked = BedrockAgent(
        model=Converse(), memory=memory, tools=[Weather()], log_agentic_response=False, system_message="be brief"
    )
    assert "20.0" in asked.run("weather in Oslo?").answer
    kept = remember().get_messages()
    said = [blocks(message)[0] for message in kept]
    assert [block.type for block in said] == ["text", "text", "toolUse", "toolResult", "text"]
    assert said[2].content.input == {"city": "Oslo", "height": 1.5}
    memory.get_messages().clear()  # what BedrockAgent does to start anew
    assert remember().get_messages() == []


def test_agents_that_share_a_session_keep_their_own_system_prompts(remember: Remember) -> None:
    one, other = agent(remember(), role="ROLE-A"), agent(remember(), role="ROLE-B")
    one.run("my name is Bob")
    assert "Bob" in other.run("who am I?")
    assert "ROLE-A" in one.model.seen[0].system and "ROLE-B" in other.model.seen[0].system


def test_fences_own_memory_would_let_the_second_agent_overwrite_the_first_ones_prompt() -> None:
    shared = FleetingMemory()
    agent(shared, role="ROLE-A")
    agent(shared, role="ROLE-B")
    assert "ROLE-A" not in str(shared.get_system_message())


def test_a_prefill_is_kept_once_for_a_session(remember: Remember) -> None:
    for _ in range(2):
        agent(remember(), prefill="I understand.").run("hello")
    assert texts(remember()).count("I understand.") == 1


def test_without_that_it_is_kept_at_every_construction_and_run(remember: Remember) -> None:
    for _ in range(2):
        agent(remember(prefill_once=False), prefill="I understand.").run("hello")
    assert texts(remember()).count("I understand.") == 4


def test_an_answer_that_reads_like_the_prefill_is_kept(remember: Remember) -> None:
    memory = remember()
    memory.add_assistant_message("Noted.")
    for _ in range(2):
        memory.add_user_message("hello")
        memory.add_assistant_message("Noted.")
    assert texts(remember()) == ["Noted.", "hello", "Noted.", "hello", "Noted."]


def test_the_most_that_an_agent_remembers_trims_the_session(remember: Remember, gateway: Gateway) -> None:
    limited = agent(remember(), max_memory_size=4)
    for number in range(6):
        limited.run(f"turn {number}")
    kept = texts(remember())
    assert len(kept) == 6  # four, and the turn that came after
    assert kept[0] == "turn 3"
    assert len(gateway.sessions.history(remember().session_id)) == 6


def test_every_kind_of_content_comes_back_as_it_was(remember: Remember) -> None:
    contents = [
        TextContent(text="hi {placeholder} \u00e6"),
        ImageContent(source=Source(media_type="image/png", data=b"\x89PNG\xff\x00", data_raw=None, file_path=None)),
        ImageBlob(mime_type="image/png", data="iVBORw0="),
        ToolUseContent(content=ToolUseBlock(toolUseId="1", input={"a": 1.5, "b": [1, None]}, name="t")),
        ToolResultContent(
            content=ToolResultBlock(
                content=[ToolResultContentBlockText(text="r"), ToolResultContentBlockJson(json={"n": 0.1})],
                toolUseId="1",
                status="success",
            )
        ),
    ]
    one, many = remember("one"), remember("many")
    for content in contents:
        one.add_message("user", content)
    many.add_messages([Message(role="user", content=contents)])
    for memory in (one, many):
        shown = memory.get_messages()
        assert all(isinstance(message, Message) for message in shown)
        assert [blocks(message)[0] for message in shown] == contents


def test_roles_are_three_and_the_system_prompt_is_no_message(remember: Remember, gateway: Gateway) -> None:
    memory = remember(share_system=True)
    memory.add_message("user", "u", meta={"channel": "web"})
    memory.add_message("assistant", "a")
    memory.add_message("system", "first")
    memory.set_system_message("second")
    with pytest.raises(ValueError, match="Role must be"):
        memory.add_message("tool", "x")
    assert texts(memory) == ["u", "a"]
    assert remember(share_system=True).get_system_message() == "second"
    assert remember().get_system_message() is None
    assert gateway.sessions.history(memory.session_id).messages[0].metadata == {"channel": "web"}
    memory.clear()
    assert (memory.get_messages(), memory.get_system_message()) == ([], "second")


def test_a_memory_is_true_however_empty_and_has_what_fences_own_has(remember: Remember) -> None:
    memory = remember()
    assert memory and len(memory.messages) == 0
    assert agent(memory).memory is memory
    memory.add_user_message("my name is Ada")
    memory.add_assistant_message("hello Ada")
    source: Any = memory.to_messages_template().source
    assert len(source.messages) == 2
    assert memory.generate_summary(Titles(), 1) == "summary of 1"
    assert memory.generate_title(Titles(), 2) == "title of 2"


def test_a_long_session_is_read_whole_or_as_much_as_was_asked_for(remember: Remember) -> None:
    said = [Message(role="user", content=f"message {number}") for number in range(230)]
    for start in range(0, 230, 50):
        remember().add_messages(said[start : start + 50])
    assert texts(remember()) == [f"message {number}" for number in range(230)]
    assert texts(remember(newest=3)) == ["message 227", "message 228", "message 229"]
    few = texts(remember(max_tokens=30))
    assert few[-1] == "message 229" and 0 < len(few) < 20


def test_what_others_said_in_the_session_is_shown_too(remember: Remember, gateway: Gateway) -> None:
    memory = remember()
    gateway.sessions.append(memory.session_id, {"role": "tool", "content": [{"type": "odd", "x": 1}], "extra": True})
    gateway.sessions.append(memory.session_id, {"role": "assistant", "content": None, "tool_calls": []})
    assert [message.role for message in memory.get_messages()] == ["user", "assistant"]
    assert json.loads(texts(memory)[0]) == {"type": "odd", "x": 1}


def test_the_extra_holds_back_what_fence_cannot_be_imported_with() -> None:
    """Fence's own requirements would bring mcp 2, with which `import fence.agents`, above, fails."""
    extras = tomllib.loads((Path(__file__).parents[3] / "pyproject.toml").read_text())["project"][
        "optional-dependencies"
    ]
    assert "mcp>=1.23,<2" in extras["fence"]
    assert version("mcp").startswith("1.")
