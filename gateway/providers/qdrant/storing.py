"""A Record as a point and back: a readable payload, the vector, and the words of the text as a sparse vector.

The payload is the record's document. Beside it stand the fields that conditions use: `scope` (a hash of all its parts),
times in microseconds, `write` (who wrote this version), and `exact`: Qdrant's JSON rounds some numbers, so metadata
that holds such numbers is also kept as text.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from typing import Any, Final

import msgspec
import numpy as np
from qdrant_client import models

from gateway.domain.errors import Tampered
from gateway.domain.ids import keyed_id
from gateway.domain.record import Record
from gateway.domain.scope import Scope
from gateway.providers.documents import Document, document_of, record_of
from gateway.providers.exact import dimension_of
from gateway.providers.terms import Terms, weight

DENSE: Final = "dense"
WORDS: Final = "words"
NEVER: Final = 2**62  # microseconds: what does not expire, so that one range says what lives

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_TICK: Final = timedelta(microseconds=1)
_LENGTH: Final = 40.0  # words that a text is taken to have on average: the same for all, so no text changes another's
_SAFE: Final = 2**53
_METADATA: Final = msgspec.json.Decoder(dict[str, Any])


def micros(at: datetime) -> int:
    return (at - _EPOCH) // _TICK


def point_id(tenant: str, id_: str) -> str:
    """The same for the same record, and no other tenant's."""
    return keyed_id("qdrant", tenant, id_)


def scope_key(scope: Scope) -> str:
    return scope.key().hex()


def point_of(
    record: Record, words: models.SparseVector | None, write: str, dimension: int | None
) -> models.PointStruct:
    """A vector that is not as long as the collection's stays in the payload: it comes back, and is never near."""
    vector: dict[str, Any] = {}
    apart = record.vector is not None and dimension_of(record.vector) == dimension
    if apart:
        vector[DENSE] = np.frombuffer(record.vector or b"", dtype="<f4").tolist()
    if words is not None:
        vector[WORDS] = words
    document = document_of(msgspec.structs.replace(record, vector=None) if apart else record)
    payload: dict[str, Any] = {
        **msgspec.to_builtins(document),
        "user_id": record.scope.user,  # empty ones too, as conditions ask for them
        "agent_id": record.scope.agent,
        "run_id": record.scope.run,
        "scope": scope_key(record.scope),
        "created": micros(record.created_at),
        "updated": micros(record.updated_at),
        "expires": NEVER if record.expires_at is None else micros(record.expires_at),
        "write": write,
    }
    if not _plain(record.metadata):
        payload["exact"] = msgspec.json.encode(record.metadata).decode()
    return models.PointStruct(id=point_id(record.scope.tenant, record.id), vector=vector, payload=payload)


def record_from(payload: Mapping[str, Any] | None, vector: Any) -> Record:
    """The record of a point; Tampered where it is none."""
    try:
        record = record_of(msgspec.convert(payload, Document))
        exact = (payload or {}).get("exact")
        if exact is not None:
            record = msgspec.structs.replace(record, metadata=_METADATA.decode(exact))
    except (msgspec.DecodeError, msgspec.ValidationError, TypeError):
        raise Tampered("a stored point cannot be read") from None
    dense = vector.get(DENSE) if isinstance(vector, dict) else None  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType] -- as the driver gives it
    return record if dense is None else msgspec.structs.replace(record, vector=np.array(dense, dtype="<f4").tobytes())


def sparse(terms: Sequence[str]) -> models.SparseVector | None:
    """What the terms are worth in this text. How rare they are is Qdrant's part, when it is asked."""
    if not terms:
        return None
    length = len(terms)
    worth: dict[int, float] = {}
    for term, times in Counter(terms).items():
        index = _index(term)
        worth[index] = worth.get(index, 0.0) + weight(times, length, _LENGTH)
    return models.SparseVector(indices=list(worth), values=list(worth.values()))


def asked(terms: Sequence[str]) -> models.SparseVector:
    indices = list(dict.fromkeys(map(_index, terms)))
    return models.SparseVector(indices=indices, values=[1.0] * len(indices))


def words_of(texts: Sequence[str]) -> list[models.SparseVector | None]:
    """For a thread: long texts take their time."""
    terms = Terms()  # of this thread
    return [sparse(terms.of(text)) for text in texts]


def _index(term: str) -> int:
    return int.from_bytes(blake2b(term.encode(), digest_size=4).digest())


def _plain(value: Any) -> bool:
    """Whether every JSON library gives it back as it is."""
    if isinstance(value, dict):
        return all(map(_plain, value.values()))  # pyright: ignore[reportUnknownArgumentType, reportUnknownMemberType] -- JSON
    if isinstance(value, list | tuple):
        return all(map(_plain, value))  # pyright: ignore[reportUnknownArgumentType] -- JSON
    return not isinstance(value, float) and not (isinstance(value, int) and abs(value) >= _SAFE)
