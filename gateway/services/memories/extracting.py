"""Learning from messages: what is said goes to the backend, which keeps what it makes of it in its own way.

Only for backends that extract; any other refuses rather than keep something else than what was asked for. What was
learned is an ordinary memory from then on. Knows no backend's way of learning.
"""

from typing import TYPE_CHECKING, Annotated, Any, Literal, cast

import msgspec
from msgspec import Meta

from gateway.domain.errors import Invalid, TooLarge
from gateway.domain.hooking import Event
from gateway.domain.principal import Role
from gateway.domain.record import Family, Kind, Record
from gateway.services.asking import Moment, Scoped
from gateway.services.call import Call, Operation
from gateway.services.content import read_message
from gateway.services.hooking import after_write, before_write
from gateway.services.memories.adding import check_metadata, ending

if TYPE_CHECKING:
    from gateway.domain.ports import Extracts


class Extract(Scoped, frozen=True, kw_only=True):
    """Messages in their order."""

    messages: Annotated[list[msgspec.Raw], Meta(min_length=1)]
    metadata: dict[str, Any] = {}
    expires_at: Moment | None = None  # of what is learned; the route's own ttl may be earlier
    wait: Annotated[bool, Meta(description="Reply when what was learned can be found; without, sooner and untold.")] = (
        True
    )


class Lesson(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one memory. NONE: nothing new in it."""

    id: str
    content: str
    event: Literal["ADD", "UPDATE", "DELETE", "NONE"]


class Extraction(msgspec.Struct, frozen=True):
    results: list[Lesson]


async def extract(call: Call, request: Extract) -> Extraction:
    """Not idempotent by itself: the backend decides what it has heard before."""
    if not call.route.capabilities.extracts:
        raise Invalid("the backend of this route does not extract; add the messages instead", code="cannot_extract")
    limits = call.route.config.layer.limits
    if len(request.messages) > limits.max_batch:
        raise TooLarge(f"{len(request.messages)} messages; this route takes {limits.max_batch}", code="batch_too_large")
    check_metadata(call, request.metadata)
    records: list[Record] = []
    for number, raw in enumerate(request.messages):
        said, event = await before_write(call, Event.ADD, _said(call, request, raw, number))
        if not event:
            records.append(said)
    if not records:
        return Extraction([])
    learned = await cast("Extracts", call.route.provider).extract(records, wait=request.wait)
    for said in records:
        await after_write(call, Event.ADD, said)
    return Extraction([Lesson(id=each.id, content=each.text, event=each.event) for each in learned])


def _said(call: Call, request: Extract, raw: msgspec.Raw, number: int) -> Record:
    content = read_message(raw, call.route.config.layer.limits.max_content.bytes, f"messages.{number}")
    stamp = call.route.mint.stamp()
    return Record(
        id=stamp.id,
        kind=Kind.MEMORY,
        scope=call.scope,
        text=content.text,
        body=content.body,
        role=content.role,
        metadata=request.metadata,
        created_at=stamp.at,
        updated_at=stamp.at,
        expires_at=ending(call, stamp.at, request.expires_at),
        provenance=call.provenance(),
    )


EXTRACT: Operation[Extract, Extraction] = Operation(
    name="memory.extract", op="add", family=Family.MEMORY, role=Role.WRITER, run=extract
)
