"""Runs: their checkpoints, and the state each is in."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, Unpack

from gateway.client import replies
from gateway.client.operation import Ask, OwnerParts, ScopeParts, ask, operation, raw

_RUN: Final = "/v1/runs/{run_id}"
_ONE: Final = "/v1/runs/{run_id}/checkpoints/{checkpoint_id}"
_NONE: Final = replies.Checkpoints(checkpoints=[])

PUT = operation("POST", f"{_RUN}/checkpoints", replies.PutCheckpoint, "keyed")
PUT_NAMED = operation("PUT", _ONE, replies.PutCheckpoint, "keyed")
LIST = operation("GET", f"{_RUN}/checkpoints", replies.Checkpoints, empty=lambda _: _NONE)
LATEST = operation("GET", f"{_RUN}/checkpoints/latest", replies.Checkpoint)
GET = operation("GET", _ONE, replies.Checkpoint)
DELETE = operation("DELETE", _ONE, replies.Removed)
PRUNE = operation("POST", f"{_RUN}/prune", replies.Removed)
SET_STATE = operation("PUT", f"{_RUN}/state", replies.RunState)
STATE = operation("GET", f"{_RUN}/state", replies.RunState)
WRITE = operation("POST", f"{_ONE}/writes", replies.Stored)
WRITES = operation("GET", f"{_ONE}/writes", replies.Writes)
DELETE_RUN = operation("DELETE", _RUN, replies.Removed)
LIST_ALL = operation("GET", "/v1/checkpoints", replies.Checkpoints, empty=lambda _: _NONE)
FIND = operation("GET", "/v1/checkpoints/{checkpoint_id}", replies.Checkpoint)
DROP = operation("DELETE", "/v1/checkpoints/{checkpoint_id}", replies.Removed)


class Noted(OwnerParts, total=False):
    """What may be said of a checkpoint beside its state, and whose it is."""

    step_name: str | None
    status: str | None
    parent_id: str | None
    tags: Sequence[str] | None
    sequence: int | None
    metadata: Mapping[str, Any] | None
    ttl_seconds: float | None


def put(
    run_id: str, state: Any, *, idempotency_key: str | None = None, **noted: Unpack[Noted]
) -> Ask[replies.PutCheckpoint]:
    """Under an id of the gateway's making."""
    return ask(PUT, {}, {"state": raw(state), **noted}, idempotency_key, run_id=run_id)


def put_named(
    run_id: str, checkpoint_id: str, state: Any, *, idempotency_key: str | None = None, **noted: Unpack[Noted]
) -> Ask[replies.PutCheckpoint]:
    """Under this id, in the place of what was there."""
    values = {"state": raw(state), **noted}
    return ask(PUT_NAMED, {}, values, idempotency_key, run_id=run_id, checkpoint_id=checkpoint_id)


def get(run_id: str, checkpoint_id: str, **scope: Unpack[OwnerParts]) -> Ask[replies.Checkpoint]:
    return ask(GET, scope, {}, run_id=run_id, checkpoint_id=checkpoint_id)


def latest(run_id: str, **scope: Unpack[OwnerParts]) -> Ask[replies.Checkpoint]:
    """The one that was put last, whatever sequence numbers say. NotFound where there is none."""
    return ask(LATEST, scope, {}, run_id=run_id)


def list_(
    run_id: str,
    *,
    limit: int | None = None,
    cursor: str | None = None,
    status: str | None = None,
    tag: str | None = None,
    **scope: Unpack[OwnerParts],
) -> Ask[replies.Checkpoints]:
    """Newest first, without their states."""
    return ask(LIST, scope, {"limit": limit, "cursor": cursor, "status": status, "tag": tag}, run_id=run_id)


def delete(run_id: str, checkpoint_id: str, **scope: Unpack[OwnerParts]) -> Ask[replies.Removed]:
    return ask(DELETE, scope, {}, run_id=run_id, checkpoint_id=checkpoint_id)


def prune(run_id: str, *, keep: int, **scope: Unpack[OwnerParts]) -> Ask[replies.Removed]:
    """Keeps only the newest."""
    return ask(PRUNE, scope, {"keep": keep}, run_id=run_id)


def list_all(
    *,
    limit: int | None = None,
    cursor: str | None = None,
    status: str | None = None,
    tag: str | None = None,
    **scope: Unpack[ScopeParts],
) -> Ask[replies.Checkpoints]:
    """Those of all runs of the user or agent."""
    return ask(LIST_ALL, scope, {"limit": limit, "cursor": cursor, "status": status, "tag": tag})


def find(checkpoint_id: str, **scope: Unpack[ScopeParts]) -> Ask[replies.Checkpoint]:
    """The newest of this id in any run of the user or agent."""
    return ask(FIND, scope, {}, checkpoint_id=checkpoint_id)


def drop(checkpoint_id: str, **scope: Unpack[ScopeParts]) -> Ask[replies.Removed]:
    """Those of this id in any run of the user or agent."""
    return ask(DROP, scope, {}, checkpoint_id=checkpoint_id)


def set_state(
    run_id: str,
    status: str,
    *,
    metadata: Mapping[str, Any] | None = None,
    ttl_seconds: float | None = None,
    **scope: Unpack[OwnerParts],
) -> Ask[replies.RunState]:
    """Replaces the status and the metadata that were there."""
    return ask(SET_STATE, scope, {"status": status, "metadata": metadata, "ttl_seconds": ttl_seconds}, run_id=run_id)


def state(run_id: str, **scope: Unpack[OwnerParts]) -> Ask[replies.RunState]:
    """NotFound where none was set."""
    return ask(STATE, scope, {}, run_id=run_id)


def delete_run(run_id: str, **scope: Unpack[OwnerParts]) -> Ask[replies.Removed]:
    """With all it holds."""
    return ask(DELETE_RUN, scope, {}, run_id=run_id)


def write(
    run_id: str,
    checkpoint_id: str,
    writes: Sequence[Mapping[str, Any]],
    *,
    ttl_seconds: float | None = None,
    **scope: Unpack[OwnerParts],
) -> Ask[replies.Stored]:
    """What steps did on top of a checkpoint: each with a `write_id` and a `state`; `replace` takes the place of an
    earlier one of that name, which else stays."""
    values = {"writes": [{**each, "state": raw(each["state"])} for each in writes], "ttl_seconds": ttl_seconds}
    return ask(WRITE, scope, values, run_id=run_id, checkpoint_id=checkpoint_id)


def writes(
    run_id: str,
    checkpoint_id: str,
    *,
    limit: int | None = None,
    cursor: str | None = None,
    **scope: Unpack[OwnerParts],
) -> Ask[replies.Writes]:
    """A page, oldest first; of a checkpoint that is not there, none."""
    return ask(WRITES, scope, {"limit": limit, "cursor": cursor}, run_id=run_id, checkpoint_id=checkpoint_id)
