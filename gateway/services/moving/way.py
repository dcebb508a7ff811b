"""From where to where, and what becomes of the vectors on the way. Knows no tenant and no position."""

import hashlib
from collections.abc import Sequence
from enum import StrEnum
from typing import Any, Final

import msgspec

from gateway.domain.ports import Embedder, Provider
from gateway.domain.record import Kind, Record
from gateway.domain.scope import Reach
from gateway.providers.documents import document_of

_TOGETHER: Final = 256  # texts embedded in one call
_MADE: Final = b"made"  # stands for a vector that is not the same on both sides


class Vectors(StrEnum):
    KEPT = "kept"  # both sides have the same embedder
    MADE = "made"  # by the target's embedder, from the texts
    DROPPED = "dropped"  # the target has none


class Way(msgspec.Struct, frozen=True, kw_only=True):
    """`kinds` are those that both can hold, `left` those that the source can hold and the target cannot.

    With MADE there must be an embedder.
    """

    source: Provider
    target: Provider
    kinds: frozenset[Kind]
    left: frozenset[Kind] = frozenset()
    vectors: Vectors = Vectors.KEPT
    embedder: Embedder | None = None

    async def dressed(self, records: Sequence[Record]) -> list[Record]:
        """The records as the target is to have them, in order."""
        if self.vectors is Vectors.KEPT:
            return list(records)
        bare = [msgspec.structs.replace(record, vector=None) for record in records]
        if self.vectors is Vectors.DROPPED or self.embedder is None:
            return bare
        return await embedded(self.embedder, bare)

    def sent(self, record: Record) -> int:
        """The digest of a record of the source, as it must be found in the target."""
        if self.vectors is Vectors.MADE:
            return digest(record, _MADE if embeds(record) else None)
        return digest(record, record.vector if self.vectors is Vectors.KEPT else None)

    def arrived(self, record: Record) -> int:
        """The digest of a record of the target. Of vectors that were made only their being there counts."""
        if self.vectors is Vectors.MADE:
            return digest(record, None if record.vector is None else _MADE)
        return digest(record, record.vector)


def whole(tenant: str) -> Reach:
    """All that a tenant has."""
    return Reach(tenant, None, None, None, None)


def embeds(record: Record) -> bool:
    """Whether the gateway gives records like this a vector: memories, and messages with any text in them."""
    return record.kind is Kind.MEMORY or (record.kind is Kind.MESSAGE and bool(record.text.strip()))


async def embedded(embedder: Embedder, records: Sequence[Record]) -> list[Record]:
    """The same records; those that have none and want one get a vector."""
    wanting = [record for record in records if record.vector is None and embeds(record)]
    vectors: dict[str, bytes] = {}
    for start in range(0, len(wanting), _TOGETHER):
        some = wanting[start : start + _TOGETHER]
        made = await embedder.embed([record.text for record in some])
        vectors.update(zip((record.id for record in some), made, strict=True))
    return [
        msgspec.structs.replace(record, vector=vectors[record.id]) if record.id in vectors else record
        for record in records
    ]


def digest(record: Record, vector: bytes | None) -> int:
    """256 bits over all of a record, with this vector in the place of its own. Digests may be added up in any order.

    The order of keys does not count, nor how a store writes a number: 1 and 1.0 are the same to every filter.
    """
    plain = record if not record.metadata else msgspec.structs.replace(record, metadata=_plain(record.metadata))
    document = document_of(msgspec.structs.replace(plain, vector=vector))
    return int.from_bytes(hashlib.sha256(msgspec.json.encode(document, order="sorted")).digest())


def _plain(value: Any) -> Any:
    match value:
        case float() if value.is_integer():
            return int(value)
        case dict():
            return {key: _plain(inner) for key, inner in value.items()}  # pyright: ignore[reportUnknownVariableType] -- metadata is Any
        case list() | tuple():
            return [_plain(inner) for inner in value]  # pyright: ignore[reportUnknownVariableType] -- metadata is Any
        case _:
            return value
