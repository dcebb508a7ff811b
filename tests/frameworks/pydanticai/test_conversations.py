"""Messages and conversations of PydanticAI come back as they were, and go on elsewhere."""

import json
from typing import Any

from pydantic_ai import Agent, BinaryContent, ModelMessagesTypeAdapter
from pydantic_ai.messages import ModelMessage, ModelRequest, ModelResponse, TextPart, ToolCallPart, UserPromptPart
from pydantic_ai.models.function import AgentInfo, FunctionModel

from gateway.client import AsyncGateway
from gateway.client.frameworks.pydanticai import append_history, load_conversation, load_history, save_conversation
from tests.frameworks.pydanticai.conftest import Told

dumped = ModelMessagesTypeAdapter.dump_json


def calling(messages: list[ModelMessage], _info: AgentInfo) -> ModelResponse:
    """Calls a tool once, and says what it was told by it."""
    if any(part.part_kind == "tool-return" for part in messages[-1].parts):
        return ModelResponse(parts=[TextPart("done")])
    return ModelResponse(parts=[ToolCallPart("add", {"a": 1.5, "b": 10**20})])


async def talked() -> list[ModelMessage]:
    bot: Agent[None, str] = Agent(FunctionModel(calling))

    @bot.tool_plain
    def add(a: float, b: int) -> dict[str, Any]:  # pyright: ignore[reportUnusedFunction]
        return {"sum": a + b, "parts": [a, b, None, "ü"]}

    ran = await bot.run(["look at this", BinaryContent(b"\x00\xff", media_type="image/png")])
    return ran.all_messages()


async def test_messages_come_back_byte_for_byte(client: AsyncGateway, user: str) -> None:
    ann, messages = client.user(user), await talked()
    await append_history(ann, "s", messages)
    found = await load_history(ann, "s")
    assert dumped(found) == dumped(messages)
    kinds = [part["part_kind"] for message in json.loads(dumped(found)) for part in message["parts"]]
    assert kinds == ["user-prompt", "tool-call", "tool-return", "text"]
    assert [each.role for each in await ann.sessions.history("s")] == ["user", "assistant", "tool", "assistant"]
    assert dumped(await load_history(ann, "s", limit=2)) == dumped(messages[-2:])
    assert await load_history(client.user("eve"), "s") == []


async def test_a_long_session_is_read_whole_or_from_its_end_with_calls_beside_answers(
    client: AsyncGateway, user: str
) -> None:
    ann = client.user(user)
    long = [ModelRequest(parts=[UserPromptPart(f"word {n}")]) for n in range(230)]
    await append_history(ann, "s", [*long, *await talked()])
    everything = await load_history(ann, "s")
    assert len(everything) == 234
    assert dumped(await load_history(ann, "s", limit=210)) == dumped(everything[-210:])
    for tokens in (1, 30, 60, 120):
        window = await load_history(ann, "s", max_tokens=tokens)
        assert dumped(window) == dumped(everything[-len(window) :])
        assert window[0].parts[0].part_kind != "tool-return"
    await ann.sessions.append("s", {"role": "user", "content": "from another kind of agent"})
    assert len(await load_history(ann, "s")) == 234


async def test_an_agent_goes_on_from_a_history_and_from_a_conversation(
    client: AsyncGateway, user: str, told: Told
) -> None:
    ann = client.user(user)
    ran = await Agent(told.model).run("My name is Ada")
    await append_history(ann, "s", ran.new_messages())
    history = await load_history(ann, "s")
    assert (await Agent(told.model).run("who am I?", message_history=history)).output == "You are Ada"
    conversation = ran.conversation
    assert await load_conversation(ann, conversation.conversation_id) is None
    await save_conversation(ann, conversation)
    back = await load_conversation(ann, conversation.conversation_id)
    assert back is not None
    assert (back.usage, dumped(back.messages)) == (conversation.usage, dumped(conversation.messages))
    on = await Agent(told.model).run("who am I?", conversation=back)
    assert (on.output, on.conversation.conversation_id) == ("You are Ada", conversation.conversation_id)
    await save_conversation(ann, on.conversation)
    again = await load_conversation(ann, conversation.conversation_id)
    assert again is not None and len(again.messages) == 4
    assert await load_conversation(client.user("eve"), conversation.conversation_id) is None
