"""Fence itself, in a Python that has it: JSON of a Job on the standard input, what its memory says on the output.

Run as a file, not as a module: that Python need not have this project.
"""

import json
import sys
from typing import Any


def main() -> None:
    from fence.agents import ChatAgent  # pyright: ignore  # noqa: PGH003 -- not installed here
    from fence.memory import DynamoDBMemory  # pyright: ignore  # noqa: PGH003
    from fence.models.base import LLM  # pyright: ignore  # noqa: PGH003
    from fence.templates.models import (  # pyright: ignore  # noqa: PGH003
        ToolResultBlock,
        ToolResultContent,
        ToolResultContentBlockText,
        ToolUseBlock,
        ToolUseContent,
    )

    job: dict[str, Any] = json.loads(sys.stdin.read())
    memory: Any = DynamoDBMemory(**job["memory"])

    class Echo(LLM):
        model_name = model_id = "echo"

        def __init__(self) -> None:
            super().__init__(source="test")
            self.seen: list[str] = []

        def invoke(self, prompt: Any, **_: Any) -> str:
            self.seen = [each.text for message in prompt.messages for each in message.content if each.type == "text"]
            return f"seen: {' | '.join(self.seen)}"

    out: dict[str, Any] = {}
    for role, content, meta in job.get("write", []):
        memory.add_message(role, content, meta)
    if job.get("tools"):
        block = ToolUseBlock(toolUseId="1", input={"city": "Oslo"}, name="weather")
        memory.add_message("assistant", ToolUseContent(content=block))
        result = ToolResultBlock(content=[ToolResultContentBlockText(text="21")], toolUseId="1", status="success")
        memory.add_message("user", ToolResultContent(content=result))
    if "chat" in job:
        out["said"] = ChatAgent(model=Echo(), role=job["role"], memory=memory).run(job["chat"])
    read = [(message.role, message.content[0].model_dump(mode="json")) for message in memory.get_messages()]
    print(json.dumps({**out, "messages": read, "system": memory.get_system_message()}))


if __name__ == "__main__":
    main()
