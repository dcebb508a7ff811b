"""What hooks see of a record, and a record as hooks have changed it: text and body always say the same.

A body is read anew by the rules for clients' content, so that whatever a hook makes is as sound as what a client sends.
"""

from typing import TYPE_CHECKING, Any, Final, cast

import msgspec
from msgspec import UnsetType

from gateway.config.model import Limits
from gateway.domain.errors import Invalid
from gateway.domain.hooking import Outcome
from gateway.domain.portable import check_json
from gateway.domain.record import Kind, Record
from gateway.services.content import read_content, read_message

if TYPE_CHECKING:
    from gateway.services.call import Call

FLAGS: Final = "compliance_flags"  # the key of the metadata that hooks' flags are kept under
_SPOKEN: Final = frozenset({Kind.MESSAGE, Kind.SYSTEM})
_NESTED: Final = frozenset({Kind.CHECKPOINT, Kind.RUN})  # the client's metadata stands under `metadata` of theirs
_STATES: Final = frozenset({Kind.CHECKPOINT, Kind.RUN, Kind.WRITE})
_BARE: Final = frozenset({Kind.HISTORY, Kind.WRITE})  # their metadata is the gateway's own
_MOST: Final = 2**62


def content_value(record: Record) -> Any:
    """Text, or the JSON that a client sent. Of a past event of a memory, what it said before and after."""
    if record.kind is Kind.HISTORY:
        return {name: record.metadata.get(name) for name in ("old", "new")}
    if record.body is not None:
        return msgspec.json.decode(record.body)
    if record.kind in _SPOKEN:
        return {"role": record.role, "content": record.text}
    return record.text


def own_metadata(record: Record) -> dict[str, Any]:
    """What the client has written beside the content."""
    if record.kind in _NESTED:
        return record.metadata.get("metadata") or {}
    return {} if record.kind in _BARE else record.metadata


def rewritten(record: Record, outcome: Outcome, limits: Limits | None) -> Record:
    """The record with what an outcome changes. `limits` hold for what is written, and are None for what is shown."""
    if not isinstance(outcome.content, UnsetType) and outcome.content != content_value(record):
        record = _with_content(record, outcome.content, _MOST if limits is None else limits.max_content.bytes)
    if not isinstance(outcome.metadata, UnsetType) and outcome.metadata != own_metadata(record):
        check_json(outcome.metadata, "metadata")
        record = with_metadata(record, outcome.metadata)
    if not isinstance(outcome.expires_at, UnsetType):
        record = msgspec.structs.replace(record, expires_at=outcome.expires_at)
    return record


def with_metadata(record: Record, metadata: dict[str, Any]) -> Record:
    if record.kind in _BARE:
        return record
    whole = {**record.metadata, "metadata": metadata} if record.kind in _NESTED else metadata
    return msgspec.structs.replace(record, metadata=whole)


def flagged(record: Record, flags: tuple[str, ...]) -> Record:
    if not flags or own_metadata(record).get(FLAGS) == list(flags):
        return record
    return with_metadata(record, {**own_metadata(record), FLAGS: list(flags)})


def quarantined(call: "Call", record: Record, hook: str, reason: str, old: Record | None) -> Record:
    """The record as it is kept aside: no kind that any read asks for, no vector, and all that brings it back.

    Rejected where the route's backend keeps no such records, or a checkpoint is meant, which its run waits for.
    """
    keeps = Kind.QUARANTINE in call.route.capabilities.kinds
    if not keeps or record.kind in _STATES:
        raise Invalid("this was not accepted, and cannot be kept aside here", code="hook_rejected")
    stamp = call.route.mint.stamp()
    return msgspec.structs.replace(
        record,
        id=stamp.id,
        kind=Kind.QUARANTINE,
        metadata={
            "kind": record.kind.value,
            "hook": hook,
            "reason": reason,
            "operation": call.operation,
            "memory_id": old.id if old is not None else None,
            "metadata": record.metadata,
        },
        created_at=stamp.at,
        updated_at=stamp.at,
        version=1,
        vector=None,
    )


def _with_content(record: Record, content: Any, limit: int) -> Record:
    if record.kind is Kind.HISTORY:
        said = cast("dict[str, Any]", content)
        return msgspec.structs.replace(record, metadata={**record.metadata, **said})
    if record.kind in _STATES:
        body = msgspec.json.encode(content)
        metadata = {**record.metadata, "bytes": len(body)} if record.kind is Kind.CHECKPOINT else record.metadata
        return msgspec.structs.replace(record, body=body, metadata=metadata)
    if record.kind in _SPOKEN:
        if isinstance(content, str):
            content = {**content_value(record), "content": content}
        message = read_message(msgspec.Raw(msgspec.json.encode(content)), limit)
        return msgspec.structs.replace(
            record, text=message.text, body=message.body, role=message.role, metadata=message.metadata
        )
    read = read_content(msgspec.Raw(msgspec.json.encode(content)), limit)
    return msgspec.structs.replace(record, text=read.text, body=read.body, role=read.role or record.role)
