"""An agent of TFrameX whose conversation goes on where it was left.

    memory-gateway serve examples/tframex/gateway.yaml
    python examples/tframex/assistant.py http://127.0.0.1:8080 ada support-1 "My name is Ada"
    python examples/tframex/assistant.py http://127.0.0.1:8080 ada support-1 "What is my name?"

The model here answers offline, from what it is shown; put a model of TFrameX in its place.
"""

# pyright: basic
# TFrameX has annotations of its own, but no stubs, and not everywhere.

import asyncio
import re
import sys
from typing import Any

from tframex import BaseLLMWrapper, Message, TFrameXApp

from gateway.client import AsyncGateway
from gateway.client.frameworks.tframex import memory_store_factory


class Offline(BaseLLMWrapper):
    def __init__(self) -> None:
        super().__init__(model_id="offline")

    async def chat_completion(self, messages: list[Message], stream: bool = False, **_: Any) -> Message:
        said = " ".join(each.content or "" for each in messages if each.role == "user")
        names = re.findall(r"name is (\w+)", said)
        return Message(role="assistant", content=f"Your name is {names[-1]}." if names else "Who are you?")


async def main(url: str, user: str, session: str, text: str) -> None:
    async with AsyncGateway(url, user_id=user) as gateway:
        app = TFrameXApp(
            default_llm=Offline(),
            default_memory_store_factory=memory_store_factory(gateway, session),
            mcp_config_file=None,
            enable_mcp_roots=False,
            enable_mcp_sampling=False,
        )

        @app.agent(name="Assistant", system_prompt="You help.")
        async def assistant() -> None: ...

        async with app.run_context() as run:
            print((await run.call_agent("Assistant", text)).content)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
