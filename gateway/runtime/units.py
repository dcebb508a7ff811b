"""How each tenant stands after a commit. Pure: from how they stood before and what was read and built."""

from collections.abc import Mapping
from datetime import datetime
from typing import Literal

from gateway.config.compiled import Compiled
from gateway.config.diagnostics import Severity
from gateway.runtime.build import Built
from gateway.runtime.reports import Unit

_TOLD = 5  # problems quoted of one tenant


def told_apart(before: Mapping[str, Unit], read: Compiled, built: Built, now: datetime) -> dict[str, Unit]:
    """A tenant that nothing happened to keeps its Unit, with the time since which it stands so."""
    snapshot = built.snapshot
    problems = _problems(read)
    units: dict[str, Unit] = {}
    for name in sorted({*snapshot.tenants, *snapshot.locked, *read.broken}):
        state: Literal["ready", "stale", "locked"] = "ready"
        if name not in snapshot.tenants:
            state = "locked"
        elif name in read.broken or name in built.failed:
            state = "stale"
        reasons = (built.failed[name],) if name in built.failed else problems.get(name, ()) if state != "ready" else ()
        old = before.get(name)
        if old is not None and old.state == state and old.reasons == reasons and name not in built.changed:
            units[name] = old
        else:
            units[name] = Unit(name=name, state=state, generation=snapshot.generation, since=now, reasons=reasons)
    return units


def _problems(read: Compiled) -> dict[str, tuple[str, ...]]:
    """The errors of each broken tenant, by the text that they stand in."""
    found: dict[str, tuple[str, ...]] = {}
    for note in read.diagnostics:
        if note.severity is not Severity.ERROR:
            continue
        name = read.owner(note)
        if len(found.get(name, ())) < _TOLD:
            found[name] = (*found.get(name, ()), note.line())
    return found
