"""Wrapped keys as Records of Kind.KEY, and back. Whoever holds the store alone holds nothing that opens anything.

tenant keys     scope (_keyring, keyring, tenant)      one row for each version
vector keys     the same                               one
epoch           the same                               its version grows with whatever others must notice
subject keys    scope (tenant, keyring, user)          one row for each version
"""

from base64 import b64decode, b64encode
from datetime import datetime
from enum import StrEnum
from hashlib import sha256
from typing import Any, Final

import msgspec

from gateway.domain.ids import keyed_id
from gateway.domain.record import Kind, Record
from gateway.domain.scope import Reach, Scope
from gateway.domain.sealing import Standing, prefixed, tampered

OWNER: Final = "_keyring"  # no tenant can have this name
KINDS: Final = frozenset({Kind.KEY})


class Sort(StrEnum):
    TENANT = "tenant"
    SUBJECT = "subject"
    VECTOR = "vector"


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One wrapped key. `under` is the id of the key that wrapped it, `wrapped` empty for one that is gone."""

    sort: Sort
    tenant: str
    user: str
    id: str
    number: int
    under: str
    wrapped: bytes
    standing: Standing
    fingerprint: str
    made: datetime
    changed: datetime
    version: int = 1  # of the record

    def place(self) -> bytes:
        """What a wrapping is bound to."""
        return prefixed("mgk1", self.sort.value, self.tenant, self.user, self.id)


def fingerprint_of(key: bytes) -> str:
    """Proves nothing but which key it was: a random key of 256 bits cannot be found from it."""
    return sha256(b"memory-gateway key" + key).hexdigest()[:32]


def scope_of(space: str, row: Row) -> Scope:
    if row.sort is Sort.SUBJECT:
        return Scope(row.tenant, space, row.user)
    return Scope(OWNER, space, row.tenant)


def subject_reach(space: str, tenant: str, user: str | None) -> Reach:
    return Reach(tenant, space, user, "", "")


def tenant_reach(space: str, tenant: str | None) -> Reach:
    return Reach(OWNER, space, tenant, "", "")


def epoch_id(space: str, tenant: str) -> str:
    return keyed_id(OWNER, "epoch", space, tenant)


def record_of(space: str, row: Row) -> Record:
    return Record(
        id=keyed_id(OWNER, row.sort.value, space, row.tenant, row.user, str(row.number)),
        kind=Kind.KEY,
        scope=scope_of(space, row),
        text=b64encode(row.wrapped).decode(),
        metadata={
            "sort": row.sort.value,
            "key": row.id,
            "number": row.number,
            "under": row.under,
            "standing": row.standing.value,
            "fingerprint": row.fingerprint,
        },
        created_at=row.made,
        updated_at=row.changed,
        version=row.version,
    )


def row_of(record: Record) -> Row | None:
    """None for the epoch; Tampered for what is no row of ours."""
    told: dict[str, Any] = record.metadata
    if told.get("sort") == "epoch":
        return None
    try:
        sort = Sort(told["sort"])
        return Row(
            sort=sort,
            tenant=record.scope.tenant if sort is Sort.SUBJECT else record.scope.user,
            user=record.scope.user if sort is Sort.SUBJECT else "",
            id=str(told["key"]),
            number=int(told["number"]),
            under=str(told["under"]),
            wrapped=b64decode(record.text, validate=True),
            standing=Standing(told["standing"]),
            fingerprint=str(told["fingerprint"]),
            made=record.created_at,
            changed=record.updated_at,
            version=record.version,
        )
    except (KeyError, ValueError, TypeError):
        raise tampered() from None


def epoch_of(space: str, tenant: str, number: int, at: datetime) -> Record:
    return Record(
        id=epoch_id(space, tenant),
        kind=Kind.KEY,
        scope=Scope(OWNER, space, tenant),
        text="",
        metadata={"sort": "epoch"},
        created_at=at,
        updated_at=at,
        version=number,
    )
