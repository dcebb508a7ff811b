"""The memory tool that Claude knows by itself, for agents on any model: its files are memories of the client's user.

agent = Agent("anthropic:...", tools=[memory_tool(gateway.user("ann"))], capabilities=[NativeTool(MemoryTool())])

With `MemoryTool` Anthropic's models get their own description of it; without, and on other models, it is a tool like any.
"""

from typing import Literal

from pydantic_ai import ModelRetry, Tool

from gateway.client import AsyncGateway
from gateway.client.frameworks.files import Files, Refused


def memory_tool(gateway: AsyncGateway) -> Tool[object]:
    """A tool named `memory`. What is refused is told to the model, which may try again."""
    files = Files(gateway)

    async def memory(  # noqa: PLR0913 - the words of the tool
        command: Literal["view", "create", "str_replace", "insert", "delete", "rename"],
        *,
        path: str | None = None,
        view_range: list[int] | None = None,
        file_text: str | None = None,
        old_str: str | None = None,
        new_str: str | None = None,
        insert_line: int | None = None,
        insert_text: str | None = None,
        old_path: str | None = None,
        new_path: str | None = None,
    ) -> str:
        """Text files under /memories that are kept between conversations. View /memories before anything else.

        view: path (a file or folder), view_range [first, last]. create: path, file_text. str_replace: path, old_str (which
        is there once), new_str. insert: path, insert_line (0 is the beginning), insert_text. delete: path.
        rename: old_path, new_path.
        """
        given = {
            "command": command, "path": path, "view_range": view_range, "file_text": file_text, "old_str": old_str,
            "new_str": new_str, "insert_line": insert_line, "insert_text": insert_text, "old_path": old_path,
            "new_path": new_path,
        }  # fmt: skip
        try:
            return await files.run(given)
        except Refused as refused:
            raise ModelRetry(str(refused)) from None

    return Tool(memory)
