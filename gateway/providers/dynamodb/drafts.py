"""What a batch comes to, id by id, given what is there; and how that falls into transactions. Sends nothing."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime

import msgspec

from gateway.domain.record import Record
from gateway.providers.dynamodb.forms import Packed
from gateway.providers.dynamodb.keys import Key, Place, place_key
from gateway.providers.dynamodb.table import MAX_TOGETHER, Change


class Draft(msgspec.Struct):
    """One id: the answer to each of its records by their number in the batch, and which of them stays in the end."""

    at: Key
    old: tuple[str, Place] | None
    current: Place | None
    answers: dict[int, bool]
    stays: Packed | None = None

    def changes(self) -> list[Change]:
        return self.stays.changes(self.at, self.old) if self.stays is not None else []


def drafted(
    records: Sequence[Record],
    prepared: Sequence[Packed],
    numbers: Iterable[int],
    seen: Mapping[Key, tuple[str, Place]],
    now: datetime,
    *,
    over: bool,
) -> list[Draft]:
    """Each record in turn: a newer version of the same scope takes the place, and anything takes that of none or of what
    has expired, unless it is to stand `over` what lives."""
    drafts: dict[Key, Draft] = {}
    for number in numbers:
        record = records[number]
        key = place_key(record.scope.tenant, record.id)
        old = seen.get(key)
        draft = drafts.setdefault(key, Draft(key, old, old[1] if old else None, {}))
        there = draft.current
        if there is None or not there.lives(now):
            stored = not over
        else:
            stored = there.scope() == record.scope and record.version > there.version
        draft.answers[number] = stored
        if stored:
            draft.stays = prepared[number]
            draft.current = draft.stays.place
    return list(drafts.values())


def together(drafts: Sequence[Draft], room: int) -> Iterator[list[Draft]]:
    """As few transactions as hold them, in order, with no more than `room` changes each."""
    group: list[Draft] = []
    changes = size = 0
    for draft in drafts:
        if draft.stays is None:
            continue
        more, bytes_ = len(draft.changes()), draft.stays.size
        if group and (changes + more > room or size + bytes_ > MAX_TOGETHER):
            yield group
            group, changes, size = [], 0, 0
        group.append(draft)
        changes += more
        size += bytes_
    if group:
        yield group


def removed_together(
    due: Iterable[tuple[Place, list[Change]]], room: int
) -> Iterator[list[tuple[Place, list[Change]]]]:
    """The same for removals."""
    group: list[tuple[Place, list[Change]]] = []
    for place, changes in due:
        if group and sum(len(each) for _, each in group) + len(changes) > room:
            yield group
            group = []
        group.append((place, changes))
    if group:
        yield group
