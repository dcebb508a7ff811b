"""Messages as Fence keeps them: `Message`, `Role`, `Meta`, `Source`, and back. Pure functions.

What Fence has no form for (several parts in one message, numbers that DynamoDB has not) is written as text for it to
read; our own document stands beside it and is what we read.
"""

import json
from base64 import b64encode
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Final, cast

import msgspec

from gateway.domain.ids import slot_id
from gateway.domain.record import Kind, Record
from gateway.domain.scope import Scope
from gateway.providers.dynamodb.fence_keys import foreign_id, time_of
from gateway.providers.dynamodb.keys import Key
from gateway.providers.dynamodb.table import Item

MESSAGE: Final = "Message"
ROLE: Final = "Role"
META: Final = "Meta"
SOURCE: Final = "Source"
SYSTEM: Final = "system"
NAMES: Final = frozenset({MESSAGE, ROLE, META, SOURCE})

# Those that Fence can read back; of pictures it writes what it then fails on.
_READ_BY_FENCE: Final = {"text": "text", "toolUse": "content", "toolResult": "content"}
_SMALLEST, _LARGEST = Decimal("1e-130"), Decimal("1e126")


class _NoForm(Exception):
    """DynamoDB has no form for the value."""


def beside(record: Record, source: str | None, extra: Mapping[str, Any]) -> tuple[Item, int]:
    """What Fence reads, and how many bytes it takes, roughly from above."""
    role = SYSTEM if record.kind is Kind.SYSTEM else record.role
    item = {
        **{name: told(value) for name, value in extra.items()},
        MESSAGE: _message(record),
        ROLE: {"S": role},
        META: _told_or_null(record.metadata or None),
        SOURCE: told(source),
    }
    return item, len(json.dumps(item, default=str, ensure_ascii=False).encode())


def _message(record: Record) -> dict[str, Any]:
    text = {"M": {"type": {"S": "text"}, "text": {"S": record.text}}}
    if record.body is None:
        return text
    try:
        content = msgspec.json.decode(record.body)["content"]
        if isinstance(content, list) and len(cast("list[Any]", content)) == 1:
            (content,) = cast("list[Any]", content)
        if not isinstance(content, dict):
            return text
        part = cast("dict[str, Any]", content)
        return told(part) if _READ_BY_FENCE.get(str(part.get("type"))) in part else text
    except (msgspec.DecodeError, LookupError, TypeError, _NoForm):
        return text


def _told_or_null(value: Any) -> dict[str, Any]:
    try:
        return told(value)
    except _NoForm:
        return {"NULL": True}


def told(value: Any) -> dict[str, Any]:
    """A JSON value as DynamoDB writes it."""
    if value is None:
        return {"NULL": True}
    if isinstance(value, bool):
        return {"BOOL": value}
    if isinstance(value, int | float):
        number = Decimal(repr(value))
        if (number and not _SMALLEST <= abs(number) < _LARGEST) or len(number.as_tuple().digits) > 38:
            raise _NoForm
        return {"N": str(number)}
    if isinstance(value, str):
        return {"S": value}
    if isinstance(value, Mapping):
        inner = cast("Mapping[str, Any]", value)
        if "" in inner:
            raise _NoForm
        return {"M": {name: told(each) for name, each in inner.items()}}
    return {"L": [told(each) for each in cast("Sequence[Any]", value)]}


def said(value: Mapping[str, Any]) -> Any:
    """What DynamoDB holds as JSON: bytes as base64, numbers as integers where they are."""
    ((kind, found),) = value.items()
    match kind:
        case "M":
            return {name: said(each) for name, each in found.items()}
        case "L":
            return [said(each) for each in found]
        case "N":
            return _number(found)
        case "NS":
            return [_number(each) for each in found]
        case "B":
            return b64encode(found).decode()
        case "BS":
            return [b64encode(each).decode() for each in found]
        case "NULL":
            return None
        case _:
            return found


def _number(found: str) -> int | float:
    number = Decimal(found)
    return int(number) if number == number.to_integral_value() and abs(number) < 2**53 else float(number)


def foreign(key: Key, item: Item, scope: Scope, keys: frozenset[str]) -> Record | None:
    """The record of a row that Fence wrote; None where it is none. `keys` are the names of the table's keys."""
    at = time_of(key)
    if at is None or MESSAGE not in item or ROLE not in item:
        return None
    role, message = str(said(item[ROLE])), said(item[MESSAGE])
    meta = said(item[META]) if META in item else None
    plain = isinstance(message, dict) and cast("dict[str, Any]", message).get("type") == "text"
    content: Any = cast("dict[str, Any]", message).get("text", "") if plain else [message]
    body: dict[str, Any] = {"role": role, "content": content}
    if isinstance(meta, dict):
        body["metadata"] = meta
    for name, value in item.items():
        if name not in NAMES and name not in keys:
            body.setdefault(name, said(value))
    if said(item.get(SOURCE, {"NULL": True})) is not None:
        body.setdefault("source", said(item[SOURCE]))
    kind = Kind.SYSTEM if role == SYSTEM else Kind.MESSAGE
    return Record(
        id=slot_id(scope, Kind.SYSTEM.value) if kind is Kind.SYSTEM else foreign_id(key),
        kind=kind,
        scope=scope,
        text=content if isinstance(content, str) else "",
        body=msgspec.json.encode(body),
        role=role,
        metadata=cast("dict[str, Any]", meta) if isinstance(meta, dict) else {},
        created_at=at,
        updated_at=at,
    )
