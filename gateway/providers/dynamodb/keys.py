"""Where things stand in the table: the partition and sort keys of our own layout, and the place of a record.

    partition            sort                  holds
    s#<hash of scope>    <kind>#<time>#<id>    a record: the order of a scope is the order of its partition
    p#<hash of scope>    <hash of id>#<v>#<n>  the n-th further part of version v of a record too long for one item
    t#<hash of tenant>   <hash of id>          a place: whose the id is, and where its record stands

Scopes and tenants are hashed with the lengths of their parts: no key is ever a prefix of, or equal to, that of another.
"""

from datetime import datetime
from hashlib import sha256
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from gateway.domain.errors import Invalid, Tampered
from gateway.domain.record import Kind, Record
from gateway.domain.scope import Scope, fingerprint

OURS: Final = ("s#", "p#", "t#")
MAX_PARTITION: Final = 2048  # bytes; both are DynamoDB's
MAX_SORT: Final = 1024

_Time = Annotated[datetime, Meta(tz=True)]


class Key(msgspec.Struct, frozen=True, order=True):
    partition: str
    sort: str


class Place(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is known of a record without reading it. Changed only together with the record, in one transaction."""

    id: str
    kind: Kind
    tenant: str
    space: str
    user_id: str = ""
    agent_id: str = ""
    run_id: str = ""
    created_at: _Time
    expires_at: _Time | None = None
    version: int
    partition: str
    sort: str
    parts: int = 0  # further ones

    def scope(self) -> Scope:
        return Scope(self.tenant, self.space, self.user_id, self.agent_id, self.run_id)

    def key(self) -> Key:
        return Key(self.partition, self.sort)

    def part_keys(self) -> list[Key]:
        name = sha256(self.id.encode()).hexdigest()
        partition = f"p#{self.scope().key().hex()}"
        return [Key(partition, f"{name}#{self.version}#{number}") for number in range(self.parts)]

    def lives(self, now: datetime) -> bool:
        return self.expires_at is None or self.expires_at > now


_DECODER: Final = msgspec.json.Decoder(Place)


def place_of(record: Record, key: Key, parts: int) -> Place:
    scope = record.scope
    return Place(
        id=record.id,
        kind=record.kind,
        tenant=scope.tenant,
        space=scope.space,
        user_id=scope.user,
        agent_id=scope.agent,
        run_id=scope.run,
        created_at=record.created_at,
        expires_at=record.expires_at,
        version=record.version,
        partition=key.partition,
        sort=key.sort,
        parts=parts,
    )


def written(place: Place) -> str:
    return msgspec.json.encode(place).decode()


def read(raw: str) -> Place:
    try:
        return _DECODER.decode(raw)
    except msgspec.DecodeError:
        raise Tampered("a stored place cannot be read") from None


def places_of(tenant: str) -> str:
    """The partition of all places of a tenant."""
    return f"t#{fingerprint(tenant).hex()}"


def place_key(tenant: str, id_: str) -> Key:
    return Key(places_of(tenant), sha256(id_.encode()).hexdigest())


def records_of(scope: Scope) -> str:
    """The partition of all records of a scope."""
    return f"s#{scope.key().hex()}"


def record_key(record: Record) -> Key:
    return checked(Key(records_of(record.scope), f"{record.kind}#{moment(record.created_at)}#{record.id}"))


def moment(at: datetime) -> str:
    """Sorts as time does: years always have four digits, seconds always six decimals."""
    return at.isoformat(timespec="microseconds")


def checked(key: Key) -> Key:
    if len(key.partition.encode()) > MAX_PARTITION or len(key.sort.encode()) > MAX_SORT:
        raise Invalid("the ids together are longer than a key of DynamoDB may be", code="id_too_long")
    return key
