"""Fence itself, in a Python that has it: JSON of a Job on the standard input, what its memory says on the output.

Run as a file, not as a module: that Python need not have this project.
"""

import json
import sys
from importlib import import_module
from typing import Any


def main() -> None:
    agents: Any = import_module("fence.agents")
    memories: Any = import_module("fence.memory")
    models: Any = import_module("fence.templates.models")
    base: Any = import_module("fence.models.base")
    job: dict[str, Any] = json.loads(sys.stdin.read())
    memory: Any = memories.DynamoDBMemory(**job["memory"])

    seen: list[str] = []

    def answer(_: Any, prompt: Any, **__: Any) -> str:
        seen[:] = [each.text for message in prompt.messages for each in message.content if each.type == "text"]
        return f"seen: {' | '.join(seen)}"

    echo: Any = type("Echo", (base.LLM,), {"model_name": "echo", "model_id": "echo", "invoke": answer})
    out: dict[str, Any] = {}
    for role, content, meta in job.get("write", []):
        memory.add_message(role, content, meta)
    if job.get("tools"):
        block = models.ToolUseBlock(toolUseId="1", input={"city": "Oslo"}, name="weather")
        memory.add_message("assistant", models.ToolUseContent(content=block))
        result = models.ToolResultBlock(
            content=[models.ToolResultContentBlockText(text="21")], toolUseId="1", status="success"
        )
        memory.add_message("user", models.ToolResultContent(content=result))
    if "chat" in job:
        out["said"] = agents.ChatAgent(model=echo(source="test"), role=job["role"], memory=memory).run(job["chat"])
    read = [(message.role, message.content[0].model_dump(mode="json")) for message in memory.get_messages()]
    sys.stdout.write("\n" + json.dumps({**out, "messages": read, "system": memory.get_system_message()}))


if __name__ == "__main__":
    main()
