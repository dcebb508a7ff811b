"""`# mgw: allow MG0313 -- reason`: a warning that somebody has looked at and wants to keep, said where it stands.

On the line itself, or alone on the lines above it. Only warnings can be allowed, only with a reason, and an allowance
that allows nothing is itself reported.
"""

import re
from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from gateway.config.codes import CODES, can_be_lowered, found
from gateway.config.comments import Comment, read_comments
from gateway.config.diagnostics import Diagnostic, Mark
from gateway.config.suggest import nearest
from gateway.config.text import Text

MARKER: Final = "mgw:"
_FORM: Final = re.compile(r"mgw:\s*allow\s+(MG\w+(?:\s*,\s*MG\w+)*)\s+--\s*(\S.*)", re.IGNORECASE)
_EXAMPLE: Final = "write `# mgw: allow MG0313 -- why it may stay`"


class Allowance(msgspec.Struct, frozen=True):
    """One code allowed on one line."""

    mark: Mark
    code: str
    line: int
    reason: str


def read_allowances(text: Text) -> tuple[list[Allowance], list[Diagnostic]]:
    """The allowances of a text that count, and what is wrong with the others."""
    allowances: list[Allowance] = []
    notes: list[Diagnostic] = []
    lines = text.lines()
    for comment in read_comments(text, MARKER):
        if not comment.text.startswith(MARKER):
            continue  # talks about allowances
        form = _FORM.fullmatch(comment.text)
        if form is None:
            reason = comment.text.partition("--")[2].strip()
            what = "this allowance cannot be read" if reason else "this allowance gives no reason"
            notes.append(found("MG0703", comment.mark, what, _EXAMPLE))
            continue
        line = _line(comment, lines)
        for code in re.split(r"\s*,\s*", form[1]):
            if (note := _refused(code, comment.mark)) is not None:
                notes.append(note)
            else:
                allowances.append(Allowance(comment.mark, code, line, form[2].strip()))
    return allowances, notes


def unused(allowances: Iterable[Allowance], notes: Iterable[Diagnostic]) -> list[Diagnostic]:
    """Asked only when nothing is broken: until then a warning may yet be missing."""
    there = {(note.mark.file, note.mark.line, note.code) for note in notes}
    return [
        found("MG0704", each.mark, f"nothing here has {each.code} to allow", "remove the allowance")
        for each in allowances
        if (each.mark.file, each.line, each.code) not in there
    ]


def _refused(code: str, mark: Mark) -> Diagnostic | None:
    if code not in CODES:
        near = nearest(code, CODES)
        hint = f"did you mean {near}? " if near else ""
        return found("MG0701", mark, f"there is no code {code[:20]}", f"{hint}`memory-gateway explain-code` lists all")
    if not can_be_lowered(code) or code.startswith("MG07"):
        return found("MG0702", mark, f"{code} cannot be allowed", "only warnings can; mend what is wrong")
    return None


def _line(comment: Comment, lines: Sequence[str]) -> int:
    """The line an allowance is for: its own, or the next one that holds more than a comment."""
    number = comment.mark.line
    if comment.alone:
        number += 1
        while number <= len(lines) and lines[number - 1].lstrip().startswith("#"):
            number += 1
    return number
