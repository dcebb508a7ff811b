"""What a receipt of an erasure says, and its one form as bytes. Holds no name of a person, only a keyed hash.

The form is canonical: keys sorted, nothing between them, so the same statement is always the same bytes. Each names the
hash of the one before it, so that none can be left out.
"""

import hashlib
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, Literal

import msgspec

from gateway.domain.erasure import Standing, Status, Target
from gateway.domain.record import Kind

NONE: Final = ""  # what the first receipt of a tenant names as the one before it


class Receipt(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`subject` is the keyed hash of the user; `number` counts the receipts of a tenant; `key` says whose signature it is."""

    format: Literal["memory-gateway-erasure"] = "memory-gateway-erasure"
    version: Literal[1] = 1
    id: str
    number: int
    tenant: str
    subject: str
    status: Status
    kinds: tuple[Kind, ...]
    refuse_new: bool
    began_at: datetime
    issued_at: datetime
    targets: tuple[Target, ...]
    deleted: Mapping[str, int]
    sessions: int
    queued: int
    keys: tuple[str, ...]
    uncovered: tuple[str, ...]
    config: str
    previous: str
    key: str
    signature: str = ""


def receipt_of(standing: Standing, *, tenant: str, subject: str, number: int, previous: str, at: datetime) -> Receipt:
    """Unsigned."""
    return Receipt(
        id=standing.id,
        number=number,
        tenant=tenant,
        subject=subject,
        status=standing.status,
        kinds=standing.kinds,
        refuse_new=standing.refuse_new,
        began_at=standing.began_at,
        issued_at=at,
        targets=standing.targets,
        deleted=standing.deleted,
        sessions=standing.sessions,
        queued=standing.queued,
        keys=standing.keys,
        uncovered=standing.uncovered,
        config=standing.config,
        previous=previous,
        key="",
    )


def canonical(value: Any) -> bytes:
    return msgspec.json.encode(value, order="sorted")


def hash_of(raw: bytes) -> str:
    """Of a whole receipt, signature and all: what the next one names."""
    return hashlib.sha256(raw).hexdigest()
