"""What was recalled a moment ago, in a form that tells whether a new text is (nearly) the same. Bounded; no texts.

Of a text it keeps the smallest hashes of its runs of words: how many two texts share says how alike they are.
"""

import hashlib
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final, TypeAlias

import msgspec

Sketch: TypeAlias = frozenset[int]

_RUN: Final = 3
_KEPT: Final = 64
_SOME: Final = 50  # of one owner
_OWNERS: Final = 1_000
_WORDS: Final = 2_000  # of a text that are looked at


def sketch(words: Sequence[str]) -> Sketch:
    """Of few words, all of them as one; of none, nothing."""
    words = words[:_WORDS]
    runs = {" ".join(words[at : at + _RUN]) for at in range(max(1, len(words) - _RUN + 1))} if words else set[str]()
    hashes = (int.from_bytes(hashlib.blake2b(each.encode(), digest_size=8).digest()) for each in runs)
    return frozenset(sorted(hashes)[:_KEPT])


def alike(one: Sketch, other: Sketch) -> float:
    """How much of the runs they have in common, as far as the sketches tell: 0 to 1."""
    smallest = sorted(one | other)[:_KEPT]
    return sum(each in one and each in other for each in smallest) / len(smallest) if smallest else 0.0


class _Heard(msgspec.Struct, frozen=True):
    at: datetime
    sketch: Sketch


class Echoes:
    def __init__(self) -> None:
        self._heard: dict[str, dict[Sketch, _Heard]] = {}  # by owner; whoever recalled last is at the end

    def hear(self, owner: str, texts: Sequence[Sketch], at: datetime) -> None:
        heard = self._heard.pop(owner, {})
        self._heard[owner] = heard
        for each in texts:
            if each:
                heard.pop(each, None)
                heard[each] = _Heard(at, each)
        for old in list(heard)[: max(0, len(heard) - _SOME)]:
            del heard[old]
        if len(self._heard) > _OWNERS:
            del self._heard[next(iter(self._heard))]

    def echoes(self, owner: str, text: Sketch, now: datetime, within: timedelta, least: float) -> bool:
        """Whether it is what this owner was given no longer ago than that."""
        recent = (each for each in self._heard.get(owner, {}).values() if now - each.at <= within)
        return bool(text) and any(alike(text, each.sketch) >= least for each in recent)

    def __len__(self) -> int:
        """How many texts it has in mind."""
        return sum(map(len, self._heard.values()))
