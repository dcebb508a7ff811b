"""A record as an item and back. The document is one attribute of text, so every number in it comes back as it was.

A document that is too long for one item (400 kB) is cut into further parts, which are written and removed with it; what
is too long for one transaction (4 MB) is refused. Knows no keys beyond those it is given, and sends nothing.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from gateway.domain.errors import Tampered, TooLarge
from gateway.domain.record import Record
from gateway.providers import documents
from gateway.providers.dynamodb import keys
from gateway.providers.dynamodb.keys import Key, Place, place_of
from gateway.providers.dynamodb.table import MAX_TOGETHER, Change, Item

DOCUMENT: Final = "Document"
VECTOR: Final = "Vector"
PLACE: Final = "Place"
PART: Final = "Part"
TTL: Final = "ttl"  # in seconds, as DynamoDB's own removal wants it
RESERVED: Final = frozenset({DOCUMENT, VECTOR, PLACE, PART, TTL})

_ROOM: Final = 380_000  # bytes of one item that are ours to fill: names and keys need the rest of 400 kB


class Packed(msgspec.Struct, frozen=True, kw_only=True):
    """A record ready to be written: its place as text, and every item but the place's own."""

    place: Place
    items: Mapping[Key, Item]
    size: int

    def changes(self, at: Key, old: tuple[str, Place] | None) -> list[Change]:
        """Puts it over what stood there before, which must still be so."""
        mark: dict[str, Any] = {"only_if": (PLACE, {"S": old[0]})} if old else {"new": True}
        place = {PLACE: {"S": keys.written(self.place)}, **_ttl(self.place)}
        left = [key for key in _keys(old[1]) if key not in self.items] if old else []
        return [
            Change(key=at, item=place, **mark),
            *(Change(key=key, item=item) for key, item in self.items.items()),
            *(Change(key=key) for key in left),
        ]


def packed(record: Record, key: Key, beside: Item, beside_size: int = 0) -> Packed:
    """`beside` are attributes that others want to read in the same item."""
    raw = documents.written(msgspec.structs.replace(record, vector=None))
    vector = record.vector
    room = _ROOM - beside_size - len(vector or b"")
    if room < 0:
        raise TooLarge("a message or vector is longer than an item of the table may be (400 kB)", code="item_too_large")
    split = len(raw) > room
    place = place_of(record, key, math.ceil(len(raw) / _ROOM) if split else 0)
    item: dict[str, Any] = {**beside, **_ttl(place)}
    if split:
        item[PLACE] = {"S": keys.written(place)}
    else:
        item[DOCUMENT] = {"S": raw.decode()}
    if vector is not None:
        item[VECTOR] = {"B": vector}
    items: dict[Key, Item] = {key: item}
    for number, each in enumerate(place.part_keys()):
        items[each] = {PART: {"B": raw[number * _ROOM : (number + 1) * _ROOM]}, **_ttl(place)}
    size = len(raw) + beside_size + len(vector or b"") + 1_000 * (len(items) + 1)
    if size > MAX_TOGETHER:
        raise TooLarge("a record is longer than the table takes at once (4 MB)", code="item_too_large")
    return Packed(place=place, items=items, size=size)


def removal(at: Key, old: tuple[str, Place]) -> list[Change]:
    """Removes a record and its place, if that is still what it was."""
    raw, place = old
    return [Change(key=at, only_if=(PLACE, {"S": raw})), *(Change(key=key) for key in _keys(place))]


def place_in(item: Item) -> tuple[str, Place]:
    raw = _text(item, PLACE)
    return raw, keys.read(raw)


def parts_of(item: Item) -> Sequence[Key]:
    """The keys of what must be read as well; none where the item holds it all."""
    return place_in(item)[1].part_keys() if DOCUMENT not in item and PLACE in item else ()


def unpacked(item: Item, parts: Mapping[Key, Item]) -> Record | None:
    """The record of an item; None where a part has gone, as it does when the record changes meanwhile."""
    if DOCUMENT in item:
        raw = _text(item, DOCUMENT)
    else:
        found = [parts.get(key) for key in parts_of(item)]
        if not found or None in found:
            return None
        raw = b"".join(each[PART]["B"] for each in found if each is not None)
    record = documents.read(raw)
    vector = item.get(VECTOR)
    return record if vector is None else msgspec.structs.replace(record, vector=bytes(vector["B"]))


def _keys(place: Place) -> list[Key]:
    return [place.key(), *place.part_keys()]


def _ttl(place: Place) -> dict[str, Any]:
    """Later than the moment it expires, never before: reading goes by the clock in any case."""
    return {} if place.expires_at is None else {TTL: {"N": str(math.ceil(place.expires_at.timestamp()))}}


def _text(item: Item, name: str) -> str:
    try:
        return item[name]["S"]
    except (KeyError, TypeError):
        raise Tampered("a stored item lacks what it should hold") from None
