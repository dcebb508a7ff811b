"""The review of what hooks have kept aside. For keys of operators that may read and write."""

from typing import Unpack

from gateway.client import replies
from gateway.client.operation import Ask, ScopeParts, ask, operation

LIST = operation("GET", "/v1/quarantine", replies.AsideList)
RELEASE = operation("POST", "/v1/quarantine/{quarantine_id}/release", replies.Released, "never")
DROP = operation("DELETE", "/v1/quarantine/{quarantine_id}", replies.Removed)


def list_(
    *, limit: int | None = None, cursor: str | None = None, **scope: Unpack[ScopeParts]
) -> Ask[replies.AsideList]:
    """Of one owner, or of all where none is named. The `cursor` of a page given back leads to the next."""
    return ask(LIST, scope, {"limit": limit, "cursor": cursor})


def release(quarantine_id: str, **scope: Unpack[ScopeParts]) -> Ask[replies.Released]:
    """It becomes what it was to be."""
    return ask(RELEASE, scope, {}, quarantine_id=quarantine_id)


def drop(quarantine_id: str, **scope: Unpack[ScopeParts]) -> Ask[replies.Removed]:
    return ask(DROP, scope, {}, quarantine_id=quarantine_id)
