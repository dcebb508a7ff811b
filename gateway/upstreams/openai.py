"""Any server that speaks OpenAI's API: chat completions, responses, models."""

from collections.abc import Mapping
from contextlib import AsyncExitStack
from typing import ClassVar

from gateway.domain.ports import Kit
from gateway.upstreams.carried import Carried, Line, UpstreamOptions

__all__ = ["OpenAI"]


class OpenAIOptions(UpstreamOptions, frozen=True, kw_only=True):
    url: str = "https://api.openai.com/v1"


class OpenAI:
    type_name: ClassVar[str] = "openai"
    Options: ClassVar[type[OpenAIOptions]] = OpenAIOptions

    def __init__(self, options: OpenAIOptions, kit: Kit) -> None:
        key = options.key
        self._line = Line(options, kit.name, {"authorization": f"Bearer {key.reveal()}"} if key else {})

    async def open(self, stack: AsyncExitStack) -> None:
        await self._line.open(stack)

    async def ask(
        self, method: str, path: str, body: bytes, headers: Mapping[str, str], stack: AsyncExitStack
    ) -> Carried:
        return await self._line.ask(method, path, body, headers, stack)
