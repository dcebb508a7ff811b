"""Workflow commands for GitHub, which shows ten errors and ten warnings of a step and drops the rest without a word.

So the ten that tell most come first, the rest is counted, and the whole table goes to the summary of the step.
"""

import html
from collections import Counter
from pathlib import Path
from typing import Final

from gateway.config.diagnostics import Diagnostic, Severity
from gateway.config.report.text import summary
from gateway.config.verdict import Verdict, shown_path

LIMIT: Final = 10  # of each severity and step
SUMMARY_BYTES: Final = 900_000  # a summary of more than 1 MiB is not shown at all


def render_github(verdict: Verdict, base: Path) -> str:
    lines: list[str] = []
    for severity in Severity:
        chosen = ranked(verdict, severity)
        lines += [_annotation(each, base) for each in chosen[:LIMIT]]
        if len(chosen) > LIMIT:
            rest = f"{len(chosen) - LIMIT} more {severity}s"
            lines.append(f"{rest}: in the summary of this step, or run `memory-gateway validate`")
    return "\n".join([*lines, *summary(verdict)])


def ranked(verdict: Verdict, severity: Severity) -> list[Diagnostic]:
    """Of each code the first before the second of any; within that, the gateway's before the tenants', then by place."""
    owner = verdict.compiled.owner
    by_place = sorted(verdict.of(severity), key=lambda each: (owner(each) != "", str(each.mark.file), each.mark))
    seen: Counter[str] = Counter()
    turns: list[tuple[int, int]] = []
    for index, each in enumerate(by_place):
        turns.append((seen[each.code], index))
        seen[each.code] += 1
    return [by_place[index] for _, index in sorted(turns)]


def render_summary(verdict: Verdict, base: Path) -> str:
    """The table of all findings as Markdown, errors first."""
    checked, counted = summary(verdict)
    lines = ["## Memory Gateway configuration", "", f"**{counted}**", "", checked, ""]
    rows = [_row(each, base) for severity in Severity for each in ranked(verdict, severity)]
    if rows:
        lines += ["| severity | code | place | what | what to do |", "|---|---|---|---|---|"]
    size = sum(len(line.encode()) + 1 for line in lines)
    for index, row in enumerate(rows):
        size += len(row.encode()) + 1
        if size > SUMMARY_BYTES:
            return "\n".join([*lines, "", f"{len(rows) - index} more findings do not fit here.", ""])
        lines.append(row)
    return "\n".join([*lines, ""])


def _row(note: Diagnostic, base: Path) -> str:
    at = f"{shown_path(note.mark.file, base)}:{note.mark.line}:{note.mark.column}"
    return f"| {note.severity} | {note.code} | {_cell(at)} | {_cell(note.message)} | {_cell(note.hint)} |"


def _cell(text: str) -> str:
    plain = html.escape(" ".join(text.split()), quote=False)
    return "".join(f"&#{ord(each)};" if each in "|`*_[]\\" else each for each in plain)


def _annotation(note: Diagnostic, base: Path) -> str:
    def data(text: str) -> str:
        return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")

    def value(text: str) -> str:
        return data(text).replace(":", "%3A").replace(",", "%2C")

    file = value(shown_path(note.mark.file, base))
    ends = f",endColumn={note.mark.end_column}" if note.mark.end_column > note.mark.column else ""
    spot = f"file={file},line={note.mark.line},col={note.mark.column}{ends},title={note.code}"
    return f"::{note.severity} {spot}::{data(f'{note.message}. {note.hint}')}"
