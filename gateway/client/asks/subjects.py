"""One person: erasing everything that is kept of them, and handing it all out. For keys with the roles that it takes."""

from collections.abc import Sequence
from typing import Final, Literal

from gateway.client import replies
from gateway.client.operation import Ask, ScopeParts, ask, operation

Kind = Literal["memory", "message", "checkpoint"]

# A person is looked for everywhere, so what the client is bound to has no say.
_UNBOUND: Final[ScopeParts] = {"user_id": None, "agent_id": None, "run_id": None, "route": None}
WAIT: Final = 20.0

ERASE = operation("DELETE", "/v1/subjects/{user_id}", replies.Erasure)
ERASURE = operation("GET", "/v1/subjects/{user_id}/erasures/{erasure_id}", replies.Erasure)
EXPORT = operation("GET", "/v1/subjects/{user_id}/export", replies.ExportPage)


def erase(
    user_id: str,
    *,
    kinds: Sequence[Kind] | None = None,
    refuse_new: bool | None = None,
    wait_seconds: float | None = None,
) -> Ask[replies.Erasure]:
    """Everything, or these kinds, everywhere; with `refuse_new` nothing of them is taken any more. Comes back when it is
    done or `wait_seconds` have passed: `erasure` tells how far it is then."""
    values = {"kinds": None if kinds is None else list(kinds), "refuse_new": refuse_new, "wait_seconds": wait_seconds}
    return ask(ERASE, _UNBOUND, values, patience=WAIT if wait_seconds is None else wait_seconds, user_id=user_id)


def erasure(user_id: str, erasure_id: str) -> Ask[replies.Erasure]:
    """How far it is, with its signed receipt."""
    return ask(ERASURE, _UNBOUND, {}, user_id=user_id, erasure_id=erasure_id)


def export(
    user_id: str, *, kinds: Sequence[Kind] | None = None, limit: int | None = None, cursor: str | None = None
) -> Ask[replies.ExportPage]:
    """A page of everything that is kept; its `cursor` given back leads to the next."""
    values = {"kinds": None if kinds is None else list(kinds), "limit": limit, "cursor": cursor}
    return ask(EXPORT, _UNBOUND, values, user_id=user_id)
