"""How grave findings are to those who run this gateway: what comments allow is taken out, `lint:` decides the rest.

Touches warnings only, and only what a check says: what is served never depends on it.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING

import msgspec

from gateway.config.allowances import Allowance
from gateway.config.compiled import Allowed
from gateway.config.diagnostics import Diagnostic, Related, Severity
from gateway.config.model import GatewayFile
from gateway.config.unit import Unit

if TYPE_CHECKING:
    from pathlib import Path


def weigh(
    notes: Iterable[Diagnostic], allowances: Iterable[Allowance], gateway: Unit
) -> tuple[tuple[Diagnostic, ...], tuple[Allowed, ...]]:
    """The findings as they are to be told, in their order, and those that were allowed."""
    written = gateway.written
    lint = written.lint if isinstance(written, GatewayFile) else {}
    places: dict[tuple[Path, int, str], Allowance] = {}
    for each in allowances:
        places.setdefault((each.mark.file, each.line, each.code), each)
    told: list[Diagnostic] = []
    allowed: list[Allowed] = []
    for note in notes:
        if note.severity is not Severity.WARNING:
            told.append(note)
            continue
        if cover := places.get((note.mark.file, note.mark.line, note.code)):
            allowed.append(Allowed(note, cover.mark, cover.reason))
            continue
        match lint.get(note.code):
            case "off":
                pass
            case "error":
                here = Related(gateway.key("lint", note.code), "made an error here; it is served all the same")
                related = (*note.related, here)
                told.append(msgspec.structs.replace(note, severity=Severity.ERROR, raised=True, related=related))
            case _:
                told.append(note)
    return tuple(told), tuple(allowed)
