"""A record as that of another tenant. Ids that are made from the scope are made again, or nobody would find them."""

import msgspec

from gateway.domain.ids import slot_id
from gateway.domain.record import Kind, Record
from gateway.services.checkpoints.showing import record_id, write_id

_PREFILL = "prefill"  # the message that a session may open with


def renamed(record: Record, tenant: str) -> Record:
    """The same record, of the tenant. Ids that were made when it was written stay."""
    if tenant == record.scope.tenant:
        return record
    scope = msgspec.structs.replace(record.scope, tenant=tenant)
    id_ = record.id
    for slot in (record.kind.value, _PREFILL):
        if id_ == slot_id(record.scope, slot):
            id_ = slot_id(scope, slot)
    named, part = record.metadata.get("checkpoint_id"), record.metadata.get("write_id")
    if record.kind is Kind.CHECKPOINT and isinstance(named, str):
        id_ = record_id(scope, named)
    if record.kind is Kind.WRITE and isinstance(named, str) and isinstance(part, str):
        id_ = write_id(scope, named, part)
    return msgspec.structs.replace(record, id=id_, scope=scope)
