"""A Record as a MongoDB document and back: names that people look for, and what the server needs beside them.

`_id` is the tenant and the id with the tenant's length before them. `scope` is the scope's fingerprint. MongoDB's dates
end at the millisecond, so `created`, `updated` and `expires` are the same moments in microseconds. Metadata keys that
MongoDB takes for paths or operators are escaped. What is not a document that this module wrote is Tampered.
"""

import re
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final, cast

import msgspec
from bson.binary import Binary
from bson.int64 import Int64

from gateway.domain.errors import Tampered
from gateway.domain.record import Record
from gateway.domain.scope import Scope
from gateway.providers.documents import Document as Readable
from gateway.providers.documents import document_of, record_of

NEVER: Final = 2**63 - 1  # `expires` of what does not
MOST_TERMS: Final = 10_000  # different ones that are searched of one text
LONGEST_TERM: Final = 200

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_TICK: Final = timedelta(microseconds=1)
_VECTOR: Final = 9  # BSON's subtype; then the code of float32 and no padding
_FLOAT32: Final = b"\x27\x00"
_ESCAPED: Final = re.compile("%(25|2E|24|00)")
_NATIVE: Final = (bytes, datetime)


def key_of(tenant: str, id_: str) -> str:
    """No two pairs have the same: the length says where the tenant ends."""
    return f"{len(tenant)}:{tenant}:{id_}"


def micros(at: datetime) -> int:
    return (at - _EPOCH) // _TICK


def due(at: int) -> datetime:
    """The moment as MongoDB's date, rounded up: the server never removes what still lives."""
    return _EPOCH + timedelta(milliseconds=-(-at // 1000))


def cut(terms: Sequence[str]) -> list[str]:
    return [term[:LONGEST_TERM] for term in terms]


def stored(record: Record, terms: Sequence[str]) -> dict[str, Any]:
    """The document of a record whose text has these terms."""
    scope = record.scope
    times = Counter(cut(terms))
    listed = list(times)[:MOST_TERMS]
    document: dict[str, Any] = msgspec.to_builtins(document_of(record), builtin_types=_NATIVE)
    document |= {
        "_id": key_of(scope.tenant, record.id),
        "scope": scope.key().hex(),
        "user_id": scope.user,
        "agent_id": scope.agent,
        "run_id": scope.run,
        "metadata": _outward(document["metadata"]),
        "created": micros(record.created_at),
        "updated": micros(record.updated_at),
        "expires": NEVER if record.expires_at is None else micros(record.expires_at),
        "terms": listed,
        "times": [times[term] for term in listed],
        "words": len(terms),
    }
    if record.expires_at is not None:
        document["expires_at"] = due(document["expires"])
    if record.vector is not None:
        document["vector"] = packed(record.vector)
    return document


def packed(vector: bytes) -> Binary:
    return Binary(_FLOAT32 + vector, _VECTOR)


def read(document: dict[str, Any], known: dict[Scope, str]) -> Record:
    """The record of a document, which may lack its body and vector. `known` keeps fingerprints from one to the next."""
    try:
        vector, expires = document.get("vector"), document["expires"]
        plain = document | {
            "metadata": _inward(document["metadata"]),
            "version": _whole(document["version"]),
            "created_at": _EPOCH + document["created"] * _TICK,
            "updated_at": _EPOCH + document["updated"] * _TICK,
            "expires_at": None if expires == NEVER else _EPOCH + expires * _TICK,
            "vector": None if vector is None else _unpacked(vector),
        }
        record = record_of(msgspec.convert(plain, Readable, builtin_types=_NATIVE))
        scope = record.scope
        mark = known.get(scope) or known.setdefault(scope, scope.key().hex())
        whole = document["_id"] == key_of(scope.tenant, record.id) and document["scope"] == mark
    except (KeyError, TypeError, ValueError, OverflowError, AttributeError):  # msgspec's errors are ValueErrors
        raise Tampered("a stored document cannot be read") from None
    if not whole:
        raise Tampered("a stored document belongs to another scope than it says")
    return record


def escaped(key: str) -> str:
    """The key as a field's name: no dot, no dollar before it, not empty. No two keys have the same."""
    if not key:
        return "%"
    name = key.replace("%", "%25").replace(".", "%2E").replace("\0", "%00")
    return f"%24{name[1:]}" if name[0] == "$" else name


def _plain(name: str) -> str:
    if "%" not in name:
        return name
    return "" if name == "%" else _ESCAPED.sub(lambda found: chr(int(found[1], 16)), name)


def _outward(value: Any) -> Any:
    if isinstance(value, dict):
        return {escaped(key): _outward(each) for key, each in cast("dict[str, Any]", value).items()}
    if isinstance(value, list):
        return [_outward(each) for each in cast("list[Any]", value)]
    return value


def _inward(value: Any) -> Any:
    kind = cast("Any", type(value))
    if kind is dict:
        return {_plain(name): _inward(each) for name, each in value.items()}
    if kind is list:
        return [_inward(each) for each in value]
    if kind is Int64:
        return int(value)
    if value is None or kind in (str, int, float, bool):
        return value
    raise TypeError


def _whole(value: Any) -> int:
    """MongoDB's longs are a type of their own."""
    if not isinstance(value, int):
        raise TypeError
    return int(value)


def _unpacked(vector: Any) -> bytes:
    # The subtype matters to the server's index alone, and some that speak MongoDB's protocol lose it.
    if not isinstance(vector, bytes) or vector[:2] != _FLOAT32:
        raise TypeError
    return bytes(vector[2:])
