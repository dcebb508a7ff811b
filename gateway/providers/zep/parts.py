"""A Record as the parts that Zep keeps, and back, without a loss.

The text goes to Zep as it is, so that Zep can learn from it; everything else is the JSON of the record's document in the
metadata (ten scalar values at most). What is too long for one part goes on in the next: a record is there when all its
parts are. Knows no calls.
"""

import hashlib
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec

from gateway.domain.errors import Tampered
from gateway.domain.record import Record
from gateway.providers.documents import document_of, read

_REST: Final = 1_800  # characters of JSON in one value of the metadata
_KEYS: Final = ("rest", "more")
_NOTHING: Final = "-"  # stands where a part has no text: Zep wants some
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_PART: Final = re.compile(r"(\d+)/(\d+)/(\d+)")


class Part(msgspec.Struct, frozen=True):
    """One message or episode to be added."""

    content: str
    metadata: dict[str, Any]
    key: str  # the same for the same part of the same version of a record


class Stored(msgspec.Struct, frozen=True, gc=False):  # thousands live through one scan, and none in a cycle
    """A part as Zep has it."""

    uuid: str
    created_at: str
    content: str
    metadata: Mapping[str, Any]
    thread: str = ""
    processed: bool = False  # Zep has learned from it

    @property
    def id(self) -> str:
        return str(self.metadata.get("record", ""))

    @property
    def scope(self) -> str:
        return str(self.metadata.get("scope", ""))


class Write(msgspec.Struct, frozen=True, gc=False):
    """A version of a record with all its parts."""

    version: int
    parts: tuple[Stored, ...]

    def uuids(self) -> frozenset[str]:
        return frozenset(part.uuid for part in self.parts)

    def record(self) -> Record:
        rest = "".join(str(part.metadata.get(key, "")) for part in self.parts for key in _KEYS)
        return msgspec.structs.replace(read(rest), text="".join(map(_text, self.parts)))


def micros(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(microseconds=1)


def parts_of(record: Record, size: int) -> list[Part]:
    document = document_of(record)
    texts = _cut(record.text, size)
    rests = _cut(msgspec.json.encode(msgspec.structs.replace(document, content="")).decode(), _REST)
    number = max(len(texts), -(-len(rests) // len(_KEYS)))
    write = token_of(record)
    scope = record.scope.key().hex()
    made: list[Part] = []
    for n in range(number):
        text = texts[n] if n < len(texts) else ""
        metadata: dict[str, Any] = {
            "record": record.id, "version": record.version, "kind": str(record.kind), "scope": scope,
            "part": f"{n}/{number}/{len(text)}", "write": write,
            **dict(zip(_KEYS, rests[n * len(_KEYS) : (n + 1) * len(_KEYS)], strict=False)),
        }  # fmt: skip
        if record.expires_at is not None:
            metadata["expires"] = micros(record.expires_at)
        key = hashlib.sha256(msgspec.json.encode([scope, record.id, record.version, write, n])).hexdigest()
        made.append(Part(text or _NOTHING, metadata, key))
    return made


def token_of(record: Record) -> str:
    """Tells two writes of one version apart, unless they wrote the same."""
    return hashlib.sha256(msgspec.json.encode(document_of(record))).hexdigest()[:16]


def writes_of(parts: Iterable[Stored]) -> dict[str, Write]:
    """What counts, by record id: of the whole writes the newest version; of rivals the one that Zep had first."""
    groups: dict[tuple[str, str, int], dict[int, Stored]] = {}
    numbers: dict[tuple[str, str, int], int] = {}
    for part in sorted(parts, key=lambda each: (each.created_at, each.uuid)):
        place = _PART.fullmatch(str(part.metadata.get("part", "")))
        if place is None:
            continue  # not of this module: somebody else writes to the same graph
        group = (part.id, str(part.metadata.get("write", "")), int(part.metadata.get("version", 0)))
        numbers[group] = int(place[2])
        groups.setdefault(group, {}).setdefault(int(place[1]), part)
    found: dict[str, Write] = {}
    for group, held in groups.items():  # in the order in which Zep had their first parts
        id_, _, version = group
        if len(held) == numbers[group] and (id_ not in found or found[id_].version < version):
            found[id_] = Write(version, tuple(held[n] for n in sorted(held)))
    return found


def _text(part: Stored) -> str:
    place = _PART.fullmatch(str(part.metadata.get("part", "")))
    length = int(place[3]) if place else -1
    if length == 0:
        return ""
    if length != len(part.content):
        raise Tampered("a stored text is not as long as it was")
    return part.content


def _cut(text: str, size: int) -> list[str]:
    return [text[at : at + size] for at in range(0, len(text), size)]
