"""An agent of PydanticAI that knows in a new conversation what it was told in an earlier one.

    memory-gateway serve examples/pydanticai/gateway.yaml
    python examples/pydanticai/assistant.py http://127.0.0.1:8080 ada "I love Python programming"
    python examples/pydanticai/assistant.py http://127.0.0.1:8080 ada "Which programming do I love?"

The model here answers offline, from what it is shown; put any model's name in its place.
"""

import asyncio
import sys
from typing import Any

from pydantic_ai import Agent
from pydantic_ai.messages import ModelMessage, ModelResponse, SystemPromptPart, TextPart
from pydantic_ai.models.function import AgentInfo, FunctionModel

from gateway.client import AsyncGateway
from gateway.client.frameworks.pydanticai import GatewayMemory, GatewayMemoryProvider, MemoryConfig


def offline(messages: list[ModelMessage], _info: AgentInfo) -> ModelResponse:
    shown = [part.content for message in messages for part in message.parts if isinstance(part, SystemPromptPart)]
    known = [line.removeprefix("- ") for text in shown for line in text.splitlines() if line.startswith("- ")]
    return ModelResponse(parts=[TextPart(f"You told me: {known[0]}" if known else "I know nothing of you yet.")])


def assistant(gateway: AsyncGateway) -> Agent[str, Any]:
    """One agent for all users: whose memory it is, is said by each run's deps."""
    memory = GatewayMemory(
        GatewayMemoryProvider(gateway),
        user_id=lambda run: run.deps,
        config=MemoryConfig(top_k=3, metadata={"app": "example"}),
    )
    return Agent(FunctionModel(offline), deps_type=str, capabilities=[memory])


async def main(url: str, user: str, text: str) -> None:
    async with AsyncGateway(url) as gateway:
        print((await assistant(gateway).run(text, deps=user)).output)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
