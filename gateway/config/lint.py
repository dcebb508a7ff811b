"""How grave findings are to those who run this gateway: what comments allow is taken out, `lint:` decides the rest.

Touches warnings only, and only what a check says: what is served never depends on it.
"""

from collections.abc import Iterable, Sequence

import msgspec

from gateway.config.allowances import Allowance, read_allowances, unused
from gateway.config.compiled import Allowed
from gateway.config.diagnostics import Diagnostic, Related, Severity
from gateway.config.model import GatewayFile
from gateway.config.reading import Account
from gateway.config.unit import Unit


def allow(account: Account, *, whole: bool) -> list[Allowance]:
    """The allowances of every file that was read. What is wrong with them is noted; `whole`: every warning is in."""
    allowances: list[Allowance] = []
    for text in account.texts.values():
        more, notes = read_allowances(text)
        allowances += more
        account.notes += notes
    if whole:
        account.notes += unused(allowances, account.notes)
    return allowances


def weigh(
    notes: Iterable[Diagnostic], allowances: Sequence[Allowance], gateway: Unit
) -> tuple[tuple[Diagnostic, ...], tuple[Allowed, ...]]:
    """The findings as they are to be told, in their order, and those that were allowed."""
    written = gateway.written
    lint = written.lint if isinstance(written, GatewayFile) else {}
    told: list[Diagnostic] = []
    allowed: list[Allowed] = []
    for note in notes:
        if note.severity is not Severity.WARNING:
            told.append(note)
            continue
        if cover := next((each for each in allowances if each.covers(note)), None):
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
