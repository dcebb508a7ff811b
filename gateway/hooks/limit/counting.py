"""What is left for whom: a bucket of tokens that fills as time passes, and sums that begin anew with each UTC day.

All of an item's shares are taken, or none. Counts for this process alone.
"""

import math
from typing import Final, Literal, Protocol, TypeAlias

import msgspec

from gateway.domain.ids import Clock

What: TypeAlias = Literal["rate", "records", "bytes"]
DAY: Final = 86_400
_MOST: Final = 100_000  # of those counted at a time; then whoever was not heard of for the longest is forgotten


class Rules(msgspec.Struct, frozen=True, kw_only=True):
    """Tokens for each second and at most; sums of a day. 0 for what has no limit."""

    rate: float = 0.0
    burst: int = 0
    records: int = 0
    bytes: int = 0


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    records: int
    bytes: int


class Refused(msgspec.Struct, frozen=True, kw_only=True):
    """`wait`: whole seconds until it may be tried again; `reset`: until all of the limit is there again."""

    what: What
    limit: int
    remaining: int
    wait: int
    reset: int


class Counter(Protocol):
    async def take(self, subject: str, rules: Rules, asked: Asked) -> Refused | None:
        """None where all was taken. Unavailable where nobody can say."""
        ...


class _Held(msgspec.Struct):
    tokens: float
    at: float
    day: int
    records: int = 0
    bytes: int = 0


class Counting:
    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._held: dict[str, _Held] = {}  # the last one heard of at the end

    async def take(self, subject: str, rules: Rules, asked: Asked) -> Refused | None:
        now = self._clock().timestamp()
        day = int(now // DAY)
        held = self._held.pop(subject, None) or _Held(rules.burst, now, day)
        self._held[subject] = held
        if len(self._held) > _MOST:
            del self._held[next(iter(self._held))]
        held.tokens = min(rules.burst, held.tokens + max(0.0, now - held.at) * rules.rate)
        held.at = now
        if held.day != day:
            held.day, held.records, held.bytes = day, 0, 0
        refused = refusal(rules, asked, held.tokens, held.records, held.bytes, DAY - now % DAY)
        if refused is None:
            held.tokens -= 1 if rules.rate else 0
            held.records += asked.records
            held.bytes += asked.bytes
        return refused


def refusal(rules: Rules, asked: Asked, tokens: float, records: int, size: int, to_midnight: float) -> Refused | None:
    """Why an item is not let in, where so much is left and so much was used."""
    if rules.rate and tokens < 1:
        wait, full = (1 - tokens) / rules.rate, (rules.burst - tokens) / rules.rate
        return Refused(what="rate", limit=rules.burst, remaining=0, wait=_up(wait), reset=_up(full))
    for what, limit, used, more in (
        ("records", rules.records, records, asked.records),
        ("bytes", rules.bytes, size, asked.bytes),
    ):
        if limit and more and used + more > limit:
            end = _up(to_midnight)
            name: What = "records" if what == "records" else "bytes"
            return Refused(what=name, limit=limit, remaining=max(0, limit - used), wait=end, reset=end)
    return None


def _up(seconds: float) -> int:
    return max(1, math.ceil(seconds))
