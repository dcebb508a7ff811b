"""Claude's memory tool, with the files it keeps in a gateway: what it notes in one conversation it has in the next.

    memory-gateway serve examples/fence/gateway.yaml
    python examples/anthropic/notes.py http://127.0.0.1:8080 ada "I prefer tea to coffee"
    python examples/anthropic/notes.py http://127.0.0.1:8080 ada "What do I prefer?"

The model here answers offline; leave `http_client` out and give a key, and it is Claude.
"""

import asyncio
import json
import sys
from typing import Any

import httpx2
from anthropic import AsyncAnthropic

from gateway.client import AsyncGateway
from gateway.client.frameworks.anthropic import GatewayMemoryTool

NOTES = "/memories/notes.md"


class Offline:
    """Looks at its notes first. What it is told it adds to them, and a question it answers with all of them."""

    def __init__(self) -> None:
        self._said = ""
        self._looked = False

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        last = json.loads(request.content)["messages"][-1]["content"]
        if isinstance(last, str):
            self._said = last
            return says(command="view", path=NOTES)
        if self._looked:
            return says("I have noted that.")
        self._looked = True
        if self._said.endswith("?"):
            return says(last[0]["content"])
        if last[0].get("is_error"):
            return says(command="create", path=NOTES, file_text=f"{self._said}\n")
        return says(command="insert", path=NOTES, insert_line=0, insert_text=self._said)


def says(text: Any = "", **command: Any) -> httpx2.Response:
    if command:
        content = {"type": "tool_use", "id": "toolu_1", "name": "memory", "input": command}
    else:
        content = {"type": "text", "text": text if isinstance(text, str) else text[0]["text"]}
    message = {
        "id": "msg_1", "type": "message", "role": "assistant", "model": "offline", "content": [content],
        "stop_reason": "tool_use" if command else "end_turn", "usage": {"input_tokens": 1, "output_tokens": 1},
    }  # fmt: skip
    return httpx2.Response(200, json=message)


async def main(url: str, user: str, text: str) -> None:
    claude = AsyncAnthropic(api_key="none", http_client=httpx2.AsyncClient(transport=httpx2.MockTransport(Offline())))
    async with AsyncGateway(url) as gateway, claude:
        runner = claude.beta.messages.tool_runner(
            model="claude-sonnet-5-5",
            max_tokens=1024,
            messages=[{"role": "user", "content": text}],
            tools=[GatewayMemoryTool(gateway.user(user))],
        )
        answer = await runner.until_done()
        print("\n".join(block.text for block in answer.content if block.type == "text"))


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
