"""What a job is, wherever it is spoken of: the states it goes through, what is begun and what came of it.

A job owes one target the state of one source, for the records of the intents it holds. Plain values; does nothing.
"""

from collections.abc import Sequence
from enum import StrEnum
from typing import Final

import msgspec

from gateway.domain.outbox import HELD_SECONDS, Intent

KIND: Final = "deliver"
_BASE: Final = 1.0
_LONGEST: Final = 900.0


class State(StrEnum):
    HELD = "held"  # the changes may still be under way
    WAITING = "waiting"  # for its turn, or for the next attempt
    RUNNING = "running"
    DEAD = "dead"


class Rules(msgspec.Struct, frozen=True, kw_only=True):
    """Seconds and numbers. `attempts`: how often a job may fail until it is dead. `horizon`: for how long deletions are
    remembered. `held`: until a change is not under way any longer. `window`: for which one job takes what is kept.
    """

    concurrency: int = 8
    attempts: int = 100
    horizon: float = 30 * 86_400.0
    held: float = HELD_SECONDS
    window: float = 10.0


class Owed(msgspec.Struct, frozen=True):
    number: int
    intent: Intent


class Begun(msgspec.Struct, frozen=True, kw_only=True):
    """One run of a job; `run` tells it from every other."""

    id: str
    run: int
    source: str
    target: str
    attempts: int
    owed: Sequence[Owed]


class Carried(msgspec.Struct, frozen=True, kw_only=True):
    """`done` are the numbers of what was delivered. `reason` is why something was not: `away`, because a side
    did not answer; `hopeless`, for a reason that trying again would not change."""

    done: frozenset[int]
    reason: str = ""
    away: bool = False
    hopeless: bool = False


def wait_before(attempt: int, rules: Rules, luck: float) -> float | None:
    """Seconds; None where there is no further attempt. `luck` is from 0 to 1: what failed together is spread."""
    if attempt >= rules.attempts:
        return None
    return min(_LONGEST, _BASE * 2 ** min(attempt - 1, 20)) * (0.5 + luck / 2)
