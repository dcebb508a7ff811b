"""Claude's memory tool in PydanticAI: a tool like any other, which Anthropic's models know by their own description."""

import json
from typing import Any

import httpx2
import pytest
from anthropic import AsyncAnthropic
from pydantic_ai import Agent, ToolReturnPart, models
from pydantic_ai.capabilities import NativeTool
from pydantic_ai.messages import ModelMessage, ModelResponse, TextPart, ToolCallPart, UserPromptPart
from pydantic_ai.models.anthropic import AnthropicModel
from pydantic_ai.models.function import AgentInfo, FunctionModel
from pydantic_ai.native_tools import MemoryTool
from pydantic_ai.providers.anthropic import AnthropicProvider

from gateway.client import AsyncGateway
from gateway.client.frameworks.pydanticai import memory_tool


def keeper(messages: list[ModelMessage], _info: AgentInfo) -> ModelResponse:
    """Notes the question first; then tells what it was told."""
    last = messages[-1].parts[-1]
    if isinstance(last, ToolReturnPart):
        return ModelResponse(parts=[TextPart(str(last.content))])
    assert isinstance(last, UserPromptPart)
    note = {"command": "create", "path": "/memories/note.md", "file_text": "Ada prefers tea"}
    look = {"command": "view", "path": "/memories/note.md"}
    return ModelResponse(parts=[ToolCallPart("memory", look if str(last.content).endswith("?") else note)])


async def test_what_an_agent_notes_another_one_reads(client: AsyncGateway, user: str) -> None:
    def agent() -> Agent[object, str]:
        return Agent(FunctionModel(keeper), tools=[memory_tool(client.user(user))])

    assert "File created successfully" in (await agent().run("I prefer tea")).output
    assert (await agent().run("what do I prefer?")).output.endswith("\tAda prefers tea")
    assert "already exists" in (await agent().run("I prefer tea")).output


async def test_anthropics_models_are_given_their_own_description_of_it(
    client: AsyncGateway, user: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(models, "ALLOW_MODEL_REQUESTS", True)  # of a model that stands in this process
    asked: list[dict[str, Any]] = []

    def claude(request: httpx2.Request) -> httpx2.Response:
        asked.append(json.loads(request.content))
        command = {"command": "create", "path": "/memories/note.md", "file_text": "Ada prefers tea"}
        use = {"type": "tool_use", "id": "toolu_1", "name": "memory", "input": command}
        content = use if len(asked) == 1 else {"type": "text", "text": "done"}
        message = {
            "id": "msg_1", "type": "message", "role": "assistant", "model": "claude", "content": [content],
            "stop_reason": "tool_use" if len(asked) == 1 else "end_turn", "usage": {"input_tokens": 1, "output_tokens": 1},
        }  # fmt: skip
        return httpx2.Response(200, json=message)

    http = httpx2.AsyncClient(transport=httpx2.MockTransport(claude))
    provider = AnthropicProvider(anthropic_client=AsyncAnthropic(api_key="none", http_client=http))
    agent = Agent(
        AnthropicModel("claude-sonnet-5-5", provider=provider),
        tools=[memory_tool(client.user(user))],
        capabilities=[NativeTool(MemoryTool())],
        model_settings={"max_tokens": 1024},
    )
    assert (await agent.run("I prefer tea")).output == "done"
    assert asked[0]["tools"] == [{"name": "memory", "type": "memory_20250818"}]
    assert [each.content for each in await client.memories.list(user_id=user)] == ["Ada prefers tea"]
