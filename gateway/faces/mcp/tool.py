"""One tool: its name, what it takes, and the operation it comes to. What a tool is about to a model stands here alone."""

from collections.abc import Awaitable, Callable
from typing import Any, cast

import msgspec

from gateway.domain.errors import Invalid
from gateway.faces.http.exchange import Exchange


class Told(msgspec.Struct, frozen=True):
    """`text` is for the model, `structured` for programs."""

    text: str
    structured: dict[str, Any]


class Tool(msgspec.Struct, frozen=True, kw_only=True):
    """`reads`: changes nothing. `destroys`: takes away what was there."""

    name: str
    title: str
    description: str
    arguments: type[Any]
    run: Callable[[Exchange, Any], Awaitable[Told]]
    reads: bool = False
    destroys: bool = False

    async def call(self, exchange: Exchange, given: dict[str, Any]) -> Told:
        try:
            arguments = msgspec.convert(given, self.arguments)
        except msgspec.ValidationError as error:
            text, _, at = str(error).partition(" - at `$.")
            raise Invalid(text, code="invalid_arguments", at=at.rstrip("`")) from None
        return await self.run(exchange, arguments)

    def shown(self) -> dict[str, Any]:
        """As `tools/list` tells it."""
        (_,), defined = msgspec.json.schema_components((self.arguments,), ref_template="#/$defs/{name}")
        schema = cast("dict[str, Any]", defined[self.arguments.__name__])
        return {
            "name": self.name,
            "title": self.title,
            "description": self.description,
            "inputSchema": {key: value for key, value in schema.items() if key not in ("title", "description")},
            "annotations": {
                "title": self.title,
                "readOnlyHint": self.reads,
                "destructiveHint": self.destroys,
                "idempotentHint": self.reads or self.destroys,
                "openWorldHint": False,
            },
        }
