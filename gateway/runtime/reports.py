"""What is known about the configuration being served: told the same way to metrics, the admin face and the log."""

from datetime import datetime
from enum import StrEnum
from typing import Literal

import msgspec


class Stage(StrEnum):
    IDLE = "idle"
    READ = "read"
    CHECK = "check"
    BUILD = "build"
    COMMIT = "commit"


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """How an attempt ended. `applied`: served now. `unchanged`: the files are what is served. `rejected`: nothing has
    changed, and `reasons` say why. `checked`: a dry run that would have been applied.
    """

    result: Literal["applied", "unchanged", "rejected", "checked"]
    stage: Stage  # where it ended
    cause: str
    digest: str  # of the files
    generation: int  # that is served after it
    reasons: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()  # tenants that were built anew
    removed: tuple[str, ...] = ()
    stale: tuple[str, ...] = ()  # tenants that are served as they were before
    locked: tuple[str, ...] = ()  # tenants that are not served
    seconds: float = 0.0

    @property
    def ok(self) -> bool:
        return self.result != "rejected"


class Event(msgspec.Struct, frozen=True, kw_only=True):
    at: datetime
    what: str
    detail: str = ""


class Unit(msgspec.Struct, frozen=True, kw_only=True):
    """One tenant. `ready`: as in its file. `stale`: its file is broken, its last good configuration serves.
    `locked`: broken and never good: callers get 503.
    """

    name: str
    state: Literal["ready", "stale", "locked"]
    generation: int  # since which it is served as it is
    since: datetime
    reasons: tuple[str, ...] = ()


class Past(msgspec.Struct, frozen=True, kw_only=True):
    """A generation that can be rolled back to."""

    generation: int
    digest: str
    at: datetime
    cause: str


class Status(msgspec.Struct, frozen=True, kw_only=True):
    generation: int
    digest: str  # of what is served
    applied_at: datetime
    stage: Stage
    last: Outcome
    disk_digest: str
    disk_valid: bool  # whether the files, as they are now, would be served after a restart
    held: bool  # rolled back: the files are not applied until they change
    generations_alive: int
    tenants: dict[str, int]  # how many are ready, stale and locked
    restart_required: tuple[
        str, ...
    ] = ()  # settings whose change needs a restart; every key of YAML takes effect at once
