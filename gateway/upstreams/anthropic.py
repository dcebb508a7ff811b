"""Any server that speaks Anthropic's API: messages, models."""

from collections.abc import Mapping
from contextlib import AsyncExitStack
from typing import Annotated, ClassVar

from msgspec import Meta

from gateway.domain.ports import Kit
from gateway.upstreams.carried import Carried, Line, UpstreamOptions

__all__ = ["Anthropic"]


class AnthropicOptions(UpstreamOptions, frozen=True, kw_only=True):
    url: str = "https://api.anthropic.com/v1"
    version: Annotated[str, Meta(description="`anthropic-version`, where a client sends none.")] = "2023-06-01"


class Anthropic:
    type_name: ClassVar[str] = "anthropic"
    Options: ClassVar[type[AnthropicOptions]] = AnthropicOptions

    def __init__(self, options: AnthropicOptions, kit: Kit) -> None:
        key = options.key
        self._version = options.version
        self._line = Line(options, kit.name, {"x-api-key": key.reveal()} if key else {})

    async def open(self, stack: AsyncExitStack) -> None:
        await self._line.open(stack)

    async def ask(
        self, method: str, path: str, body: bytes, headers: Mapping[str, str], stack: AsyncExitStack
    ) -> Carried:
        return await self._line.ask(method, path, body, {"anthropic-version": self._version, **headers}, stack)
