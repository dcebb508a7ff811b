"""Claude's memory tool over a gateway: the files that a model keeps are memories of the client's user.

tool = GatewayMemoryTool(AsyncGateway("http://localhost:8080", api_key=key).user("ann"))
answer = await AsyncAnthropic().beta.messages.tool_runner(model=..., messages=[...], tools=[tool]).until_done()
"""

from anthropic.lib.tools import BetaAsyncAbstractMemoryTool, ToolError
from anthropic.types.beta import (
    BetaCacheControlEphemeralParam,
    BetaMemoryTool20250818Command,
    BetaMemoryTool20250818CreateCommand,
    BetaMemoryTool20250818DeleteCommand,
    BetaMemoryTool20250818InsertCommand,
    BetaMemoryTool20250818RenameCommand,
    BetaMemoryTool20250818StrReplaceCommand,
    BetaMemoryTool20250818ViewCommand,
)

from gateway.client import AsyncGateway
from gateway.client.frameworks.files import Files, Refused

__all__ = ["GatewayMemoryTool"]


class GatewayMemoryTool(BetaAsyncAbstractMemoryTool):
    """For clients that await. What is refused is told to the model as an error of the tool."""

    def __init__(self, gateway: AsyncGateway, *, cache_control: BetaCacheControlEphemeralParam | None = None) -> None:
        super().__init__(cache_control=cache_control)
        self._files = Files(gateway)

    async def execute(self, command: BetaMemoryTool20250818Command) -> str:
        try:
            return await self._files.run(command.to_dict())
        except Refused as refused:
            raise ToolError(str(refused)) from None

    async def view(self, command: BetaMemoryTool20250818ViewCommand) -> str:
        return await self.execute(command)

    async def create(self, command: BetaMemoryTool20250818CreateCommand) -> str:
        return await self.execute(command)

    async def str_replace(self, command: BetaMemoryTool20250818StrReplaceCommand) -> str:
        return await self.execute(command)

    async def insert(self, command: BetaMemoryTool20250818InsertCommand) -> str:
        return await self.execute(command)

    async def delete(self, command: BetaMemoryTool20250818DeleteCommand) -> str:
        return await self.execute(command)

    async def rename(self, command: BetaMemoryTool20250818RenameCommand) -> str:
        return await self.execute(command)
