"""One call for a prompt: the memories that matter for a message, rendered as the block to put before it.

The block says that it is data. A memory's text is inserted, never interpreted, and its further lines are indented, so
that no memory can pass for another one.
"""

import re
from typing import Annotated, Final, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from gateway.config.model import ContextBlock
from gateway.domain.principal import Role
from gateway.domain.record import Family
from gateway.retrieval.ask import Ranked
from gateway.services.call import Call, Operation
from gateway.services.memories.reading import MEMORIES
from gateway.services.memories.searching import Explained, Search, explained, recall
from gateway.services.views import Found, show_found

_FIELD: Final = re.compile(r"\{(content|role|created_at|score|id)\}")


class Prompting(Search, frozen=True, kw_only=True):
    """A search whose `query` is the message to answer."""

    format: Annotated[Literal["text", "json"], Meta(description="text: the reply is the block alone.")] = "json"


class Block(msgspec.Struct, frozen=True, kw_only=True):
    """`text` is empty (or the route's own word for it) when nothing was found."""

    text: str
    memories: list[Found]
    truncated: bool
    explain: Explained | UnsetType = UNSET


async def context(call: Call, request: Prompting) -> Block:
    recalled = await recall(call, request, MEMORIES)
    return Block(
        text=render(call.route.config.layer.context, list(recalled.hits)),
        memories=[show_found(each, explain=request.explain) for each in recalled.hits],
        truncated=recalled.truncated,
        explain=explained(call, request, recalled) if request.explain else UNSET,
    )


def render(settings: ContextBlock, hits: list[Ranked]) -> str:
    if not hits:
        return settings.empty
    items = [_FIELD.sub(lambda field, hit=hit: _value(hit, field[1]), settings.item) for hit in hits]
    return "\n".join([settings.header, *items] if settings.header else items)


def _value(hit: Ranked, field: str) -> str:
    record = hit.record
    match field:
        case "content":
            return "\n  ".join(record.text.splitlines())
        case "role":
            return record.role
        case "created_at":
            return record.created_at.isoformat()
        case "score":
            return "" if hit.score is None else f"{hit.score:.2f}"
        case _:
            return record.id


CONTEXT: Operation[Prompting, Block] = Operation(
    name="memory.context", op="search", family=Family.MEMORY, role=Role.READER, run=context,
    empty=lambda call, _request: Block(text=call.route.config.layer.context.empty, memories=[], truncated=False),
)  # fmt: skip
