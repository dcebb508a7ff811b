"""What a hook may answer, and the functions that say it. What becomes of an answer is decided elsewhere."""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from gateway.domain.errors import Forbidden, GatewayError, Invalid
from gateway.domain.hooking.context import Result
from gateway.domain.record import Record


class Action(StrEnum):
    PROCEED = "proceed"
    SKIP = "skip"
    REJECT = "reject"
    QUARANTINE = "quarantine"


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What a hook answers; made by the functions below. What is UNSET stays as it is."""

    action: Action = Action.PROCEED
    content: Any = UNSET
    metadata: dict[str, Any] | UnsetType = UNSET
    expires_at: datetime | UnsetType | None = UNSET
    query: str | UnsetType = UNSET
    results: tuple[Result, ...] | UnsetType = UNSET
    flags: tuple[str, ...] = ()
    reason: str = ""
    error: GatewayError | None = None
    existing: Record | None = None
    answer: str = ""  # what to count it as, where the action does not say it all

    @property
    def changes(self) -> bool:
        return any(
            each is not UNSET for each in (self.content, self.metadata, self.expires_at, self.query, self.results)
        )


def proceed(*flags: str) -> Outcome:
    """Go on; the flags are kept with what is written, under `compliance_flags` of its metadata."""
    return Outcome(flags=flags)


def modify(
    *,
    content: Any = UNSET,
    metadata: dict[str, Any] | UnsetType = UNSET,
    expires_at: datetime | UnsetType | None = UNSET,
    query: str | UnsetType = UNSET,
    results: Sequence[Result] | UnsetType = UNSET,
    flags: Sequence[str] = (),
) -> Outcome:
    """Go on with something else. `metadata` takes the place of what was there. Text given for a message becomes its
    content; `results` are some of those that were found, in any order, changed or not."""
    return Outcome(
        content=content,
        metadata=metadata,
        expires_at=expires_at,
        query=query,
        results=results if isinstance(results, UnsetType) else tuple(results),
        flags=tuple(flags),
    )


def skip(reason: str = "", *, existing: Record | None = None) -> Outcome:
    """Do nothing, and say so: nothing is written or deleted, nothing is found. `existing` is told in its place."""
    return Outcome(action=Action.SKIP, reason=reason, existing=existing)


def reject(reason: str, *, code: str = "hook_rejected", at: str = "", forbidden: bool = False) -> Outcome:
    """Refuse with 422, or 403. The reason is told to the caller: never quote contents in it."""
    return refuse((Forbidden if forbidden else Invalid)(reason, code=code, at=at))


def refuse(error: GatewayError) -> Outcome:
    """Refuse with any other error: TooMany with its Retry-After."""
    return Outcome(action=Action.REJECT, error=error, reason=error.detail)


def quarantine(reason: str, *flags: str) -> Outcome:
    """Keep what is written where no read finds it, until somebody has looked at it."""
    return Outcome(action=Action.QUARANTINE, reason=reason, flags=flags)
