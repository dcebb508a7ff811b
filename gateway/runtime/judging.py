"""Whether a valid configuration may take the place of the one that serves, and how an attempt at that is told.

Pure: from what was read, what serves and what was built. Nothing here opens, waits or remembers.
"""

from collections.abc import Callable
from typing import Final, Literal

import msgspec

from gateway.config.compiled import Compiled, Config
from gateway.config.diagnostics import Severity
from gateway.runtime.build import Built
from gateway.runtime.reports import Outcome, Stage
from gateway.runtime.snapshot import Snapshot

TOLD: Final = 20  # problems that an outcome quotes
_NAMED: Final = 10  # tenants that a reason names

Objection = Callable[[Config], str | None]  # why a valid configuration must not be served here, if so


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody who asks for a reload wants of it.

    `expect`: files of any other digest are refused. `dry_run`: say what would happen, and do not do it. `insist`: also
    what a rollback holds back, however many tenants go, and whichever tenants it breaks.
    """

    expect: str = ""
    dry_run: bool = False
    insist: bool = False


class Refused(Exception):
    """Ends an attempt before its commit. `lasting`: the same files would end the same way."""

    def __init__(self, stage: Stage, *reasons: str, lasting: bool = False) -> None:
        super().__init__(*reasons)
        self.stage = stage
        self.reasons = reasons
        self.lasting = lasting


class Unexpected(Refused):
    """The caller expected other files. Says nothing about those that are there."""


def check_removals(read: Compiled, config: Config, before: Snapshot | None) -> None:
    """An emptied folder, an unmounted volume: many tenants that go at once, or all of them, go by mistake."""
    gone, limit = removed(read, before), config.reload.max_removed_tenants
    last = bool(gone) and not config.tenants and not read.broken
    if len(gone) > limit or last:
        rule = "no tenant would be left" if last else f"reload.max_removed_tenants is {limit}"
        what = f"{len(gone)} tenants would go at once ({_some(gone)}); {rule}: insist, if they are meant to"
        raise Refused(Stage.CHECK, what, lasting=True)


def check_blame(read: Compiled, served: Compiled | None, before: Snapshot | None) -> None:
    """A change of the gateway's own file that breaks tenants who changed nothing is that change's fault, not theirs."""
    if served is None or before is None or read.file != served.file:
        return
    if read.hashes.get(read.file) == served.hashes.get(read.file):
        return
    newly = (read.broken - served.broken) & before.tenants.keys()
    innocent = sorted(
        owner
        for file, owner in read.owners.items()
        if owner in newly and served.owners.get(file) == owner and read.hashes.get(file) == served.hashes.get(file)
    )
    if innocent:
        what = f"the change of {read.file.name} breaks tenants whose own files have not changed ({_some(innocent)})"
        why = [note.line() for note in read.diagnostics if _is_error(note.severity) and read.owner(note) in innocent]
        hint = f"{what}: mend it, or insist and they are served as before"
        raise Refused(Stage.CHECK, hint, *why[:TOLD], lasting=True)


def removed(read: Compiled, before: Snapshot | None) -> list[str]:
    if before is None or read.config is None:
        return []
    return sorted(before.tenants.keys() - read.config.tenants.keys() - read.broken)


def errors(read: Compiled) -> list[str]:
    return [note.line() for note in read.diagnostics if _is_error(note.severity)]


def outcome_of(
    result: Literal["applied", "checked"], cause: str, read: Compiled, built: Built, before: Snapshot | None
) -> Outcome:
    snapshot = built.snapshot
    return Outcome(
        result=result,
        stage=Stage.COMMIT if result == "applied" else Stage.BUILD,
        cause=cause,
        digest=read.digest,
        generation=snapshot.generation if result == "applied" or before is None else before.generation,
        reasons=tuple(dict.fromkeys([*built.failed.values(), *errors(read)]))[:TOLD],
        changed=built.changed,
        removed=tuple(removed(read, before)),
        stale=tuple(sorted((read.broken | built.failed.keys()) & snapshot.tenants.keys())),
        locked=tuple(sorted(snapshot.locked)),
    )


def _is_error(severity: Severity) -> bool:
    return severity is Severity.ERROR


def _some(names: list[str]) -> str:
    return ", ".join(names[:_NAMED]) + (", …" if len(names) > _NAMED else "")


def checked(read: Compiled, objection: Objection) -> Config:
    """The configuration, or Refused with what is wrong with the gateway's own file."""
    if read.config is None:
        wrong = errors(read)
        more = [f"and {len(wrong) - TOLD} more"] if len(wrong) > TOLD else []
        raise Refused(Stage.CHECK, *wrong[:TOLD], *more, lasting=True)
    why = objection(read.config)
    if why is not None:
        raise Refused(Stage.CHECK, why, lasting=True)
    return read.config


def would_serve(read: Compiled, objection: Objection) -> bool:
    """As far as can be told without opening anything."""
    return read.config is not None and bool(read.config.tenants) and objection(read.config) is None
