"""Ending all that is kept of a person, and saying how far that is. What is asked for is kept before anything is done."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from gateway.domain.erasure import Asked, Erasures, Standing, Status, Target
from gateway.domain.errors import Forbidden, NotFound, Unavailable
from gateway.domain.principal import Role
from gateway.domain.record import Family, Kind
from gateway.services.call import Everywhere, Operation
from gateway.services.hooking import after_delete, before_delete
from gateway.services.subjects.person import Families, OfPerson, hooked, kinds_of, named


class Erase(OfPerson, frozen=True, kw_only=True):
    kinds: Families | None = None
    refuse_new: Annotated[bool, Meta(description="Take nothing of this user any more.")] = False
    wait_seconds: Annotated[float, Meta(ge=0, le=50, description="How long to wait for it to be done.")] = 20.0


class OneErasure(OfPerson, frozen=True, kw_only=True):
    erasure_id: str
    format: Annotated[
        Literal["json", "receipt"], Meta(description="receipt: the newest receipt alone, byte for byte.")
    ] = "json"


class Erasure(msgspec.Struct, frozen=True, kw_only=True):
    """How far an erasure is. `deleted` is what there was, each record counted once, wherever its copies were.

    `status` is done when every target has confirmed. The receipt says the same, signed.
    """

    id: str
    status: Status
    deleted: int
    deleted_memories: int
    deleted_sessions: int
    deleted_messages: int
    deleted_checkpoints: int
    kinds: Mapping[str, int]
    refuse_new: bool
    began_at: datetime
    done_at: datetime | None
    targets: tuple[Target, ...]
    keys: tuple[str, ...]
    queued: int
    uncovered: tuple[str, ...]
    receipt: msgspec.Raw | None


async def erase(whole: Everywhere, request: Erase) -> Erasure:
    """Erases what every backend, cache, archive and queue holds of the user. What is written afterwards is kept, unless
    `refuse_new` is asked for. Pending where a target is away: it is finished in the background."""
    user = named(whole, request.user_id)
    asked = Asked(
        tenant=whole.principal.tenant,
        user=user,
        kinds=kinds_of(whole, request.kinds),
        refuse_new=request.refuse_new,
    )
    calls = hooked(whole, user)
    for call in calls:
        if not await before_delete(call):
            raise Forbidden("a hook of a route wants nothing to be erased", code="hook_rejected")
    found = _shown(await _erasures(whole).erase(asked, request.wait_seconds))
    for call in calls:
        await after_delete(call, found.deleted)
    return found


async def standing(whole: Everywhere, request: OneErasure) -> Erasure:
    """How far it is, with its newest receipt."""
    user = named(whole, request.user_id)
    found = await _erasures(whole).standing(whole.principal.tenant, user, request.erasure_id)
    if found is None:
        raise NotFound("this user has no such erasure", code="no_erasure")
    return _shown(found)


def _erasures(whole: Everywhere) -> Erasures:
    if whole.tenant.erasures is None:
        raise Unavailable("nothing can be erased as a whole here", code="erasures_unavailable")
    return whole.tenant.erasures


def _shown(standing: Standing) -> Erasure:
    counts = standing.deleted
    return Erasure(
        id=standing.id,
        status=standing.status,
        deleted=sum(counts.values()),
        deleted_memories=counts.get(Kind.MEMORY, 0),
        deleted_sessions=standing.sessions,
        deleted_messages=counts.get(Kind.MESSAGE, 0),
        deleted_checkpoints=counts.get(Kind.CHECKPOINT, 0),
        kinds=counts,
        refuse_new=standing.refuse_new,
        began_at=standing.began_at,
        done_at=standing.done_at,
        targets=standing.targets,
        keys=standing.keys,
        queued=standing.queued,
        uncovered=standing.uncovered,
        receipt=standing.receipt,
    )


ERASE: Operation[Erase, Erasure] = Operation(
    name="subject.erase", op="delete", family=Family.MEMORY, role=Role.ERASER, run=erase, everywhere=True
)
STANDING: Operation[OneErasure, Erasure] = Operation(
    name="subject.erasure",
    op="get",
    family=Family.MEMORY,
    role=Role.ERASER,
    also=frozenset({Role.AUDITOR}),
    run=standing,
    everywhere=True,
)
