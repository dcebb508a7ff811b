"""An agent of TFrameX reaches the gateway's memory tools over MCP, as its configuration of servers has it."""

import json
import sys
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any
from uuid import uuid4

from tframex import (  # pyright: ignore[reportMissingTypeStubs] - it ships none
    BaseLLMWrapper,
    FunctionCall,
    Message,
    MessageChunk,
    TFrameXApp,
    ToolCall,
)

from gateway.client import AsyncGateway


class Calling(BaseLLMWrapper):
    """Remembers what it is told to and recalls where it is asked, by the tools it is shown; answers what they said."""

    def __init__(self) -> None:
        super().__init__(model_id="calling")
        self.offered: set[str] = set()

    async def chat_completion(  # pyright: ignore[reportIncompatibleMethodOverride] - upstream's is a union
        self, messages: list[Message], stream: bool = False, **kwargs: Any
    ) -> Message | AsyncGenerator[MessageChunk, None]:
        tools: list[Any] = kwargs.get("tools") or []
        self.offered |= {tool["function"]["name"] for tool in tools}
        last = messages[-1]
        said = last.content or ""
        if last.role == "tool":
            return Message(role="assistant", content=said)
        name, arguments = ("recall", {"query": said}) if said.endswith("?") else ("remember", {"content": said})
        called = FunctionCall(name=f"memory__{name}", arguments=json.dumps(arguments))
        return Message(role="assistant", tool_calls=[ToolCall(id=uuid4().hex, function=called)])


async def test_an_agent_remembers_and_recalls_by_the_gateways_tools(gateway_url: str, tmp_path: Path) -> None:
    ann, eve = f"ann-{uuid4().hex[:8]}", f"eve-{uuid4().hex[:8]}"

    async def asked(user: str, *questions: str) -> tuple[list[str], Calling]:
        """What an agent answers in an app of its own, which starts the program as the documentation has it."""
        command = ["-m", "gateway", "mcp", "--url", gateway_url, "--user", user]
        server = {"type": "stdio", "command": sys.executable, "args": command, "init_step_timeout": 20}
        (tmp_path / "servers_config.json").write_text(json.dumps({"mcpServers": {"memory": server}}))
        model = Calling()
        app: Any = TFrameXApp(
            default_llm=model,
            mcp_config_file=str(tmp_path / "servers_config.json"),
            enable_mcp_roots=False,
            enable_mcp_sampling=False,
        )

        @app.agent(name="Bot", system_prompt="You help.", mcp_tools_from_servers=["memory"])
        async def bot() -> None: ...

        try:
            async with app.run_context() as run:
                return [(await run.call_agent("Bot", question)).content for question in questions], model
        finally:
            await app.shutdown_mcp_servers()

    (told, known), model = await asked(ann, "Ann likes green tea", "Which tea does she like?")
    assert {f"memory__{name}" for name in ("remember", "recall", "forget", "list", "context")} <= model.offered
    assert "Remembered as" in told
    assert "Ann likes green tea" in known
    async with AsyncGateway(gateway_url, user_id=ann) as client:
        assert [each.content for each in await client.memories.list()] == ["Ann likes green tea"]
    (unknown,), _ = await asked(eve, "Which tea does she like?")
    assert "green tea" not in unknown
