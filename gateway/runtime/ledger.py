"""What became of the attempts to reload: counted, listed and logged. Judges nothing, and forgets what is old."""

import logging
from collections import deque
from typing import Final

import msgspec

from gateway.domain.ids import Clock
from gateway.runtime.meters import Meters
from gateway.runtime.reports import Event, Outcome, Stage

EVENTS: Final = 200

_log = logging.getLogger("gateway.reload")


class Ledger:
    """`last` is how the last attempt ended that had something to do."""

    def __init__(self, clock: Clock, meters: Meters) -> None:
        self._clock = clock
        self._meters = meters
        self.events: deque[Event] = deque(maxlen=EVENTS)
        self.last = Outcome(result="unchanged", stage=Stage.IDLE, cause="start", digest="", generation=0)

    def enter(self, outcome: Outcome) -> None:
        if outcome.result == "unchanged":
            return
        self.last = outcome
        self._meters.reload(outcome.result, outcome.stage.value)
        detail = "; ".join(outcome.reasons) or f"generation {outcome.generation}"
        self.note(outcome.result, f"{outcome.cause}: {detail}")
        level = logging.ERROR if not outcome.ok else logging.WARNING if outcome.reasons else logging.INFO
        told = {name: value for name, value in msgspec.to_builtins(outcome).items() if value not in ("", [], ())}
        _log.log(level, "configuration %s", outcome.result, extra=told)

    def settle(self, outcome: Outcome) -> None:
        """What had been refused is gone from the files: there is nothing to be told of any more."""
        if not self.last.ok:
            self.last = outcome
            self.note("reverted", "the files are what is served again")

    def note(self, what: str, detail: str) -> None:
        self.events.append(Event(at=self._clock(), what=what, detail=detail))
