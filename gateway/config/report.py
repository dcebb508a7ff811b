"""What a compilation found, as text for people, JSON for programs and annotations for GitHub.

Shows only what the findings hold: values and credentials were masked before they got here.
"""

from collections import Counter
from typing import Any

import msgspec

from gateway.config.compiled import Compiled
from gateway.config.diagnostics import Diagnostic, Mark, Severity

GITHUB_LIMIT = 10  # of each severity and step; the rest would be dropped without a word


def render_text(compiled: Compiled) -> str:
    """One block for each finding, then what was checked and how it ended."""
    return "\n".join([*(block for each in compiled.diagnostics for block in _block(each)), *_summary(compiled)])


def render_json(compiled: Compiled) -> str:
    counts = count(compiled)
    body: dict[str, Any] = {
        "ok": counts[Severity.ERROR] == 0,
        "errors": counts[Severity.ERROR],
        "warnings": counts[Severity.WARNING],
        "digest": compiled.digest,
        "files": [str(file) for file in compiled.files],
        "tenants": {
            "ok": sorted(compiled.config.tenants) if compiled.config else [],
            "broken": sorted(compiled.broken),
        },
        "findings": [_plain(each) for each in compiled.diagnostics],
    }
    return msgspec.json.format(msgspec.json.encode(body), indent=2).decode()


def render_github(compiled: Compiled) -> str:
    """Workflow commands, errors first; GitHub shows ten of each, so a last line says what is left out."""
    lines: list[str] = []
    for severity in Severity:
        chosen = [each for each in compiled.diagnostics if each.severity is severity]
        lines += [_annotation(each) for each in chosen[:GITHUB_LIMIT]]
        if len(chosen) > GITHUB_LIMIT:
            lines.append(f"{len(chosen) - GITHUB_LIMIT} more {severity}s: run `memory-gateway validate` for all")
    return "\n".join([*lines, *_summary(compiled)])


def count(compiled: Compiled) -> Counter[Severity]:
    return Counter(each.severity for each in compiled.diagnostics)


def _block(note: Diagnostic) -> list[str]:
    lines = [note.line()]
    number = str(note.mark.line)
    gutter = " " * (len(number) + 3)
    if note.excerpt and note.mark.column <= len(note.excerpt) + 1:
        width = max(min(note.mark.end_column, len(note.excerpt) + 1) - note.mark.column, 1)
        before = "".join("\t" if each == "\t" else " " for each in note.excerpt[: note.mark.column - 1])
        lines += [f"  {number} | {note.excerpt}", f"{gutter}| {before}{'^' * width} {note.hint}".rstrip()]
    elif note.hint:
        lines.append(f"{gutter}= {note.hint}")
    lines += [f"{gutter}= {_place(each.mark)}: {each.message}" for each in note.related]
    return lines


def _summary(compiled: Compiled) -> list[str]:
    counts = count(compiled)
    whole = len(compiled.config.tenants) if compiled.config else 0
    refused = compiled.config is None
    tenants = "tenants not served" if refused else f"tenants {whole}/{whole + len(compiled.broken)} ok"
    files = f"{len(compiled.files)} file{'' if len(compiled.files) == 1 else 's'} read"
    checked = f"gateway {'broken' if refused else 'ok'} | {tenants} | {files}"
    return [
        f"{checked} | checked: syntax, references, structure, names, meaning, policy (backends: not asked)",
        f"{_number(counts[Severity.ERROR], 'error')}, {_number(counts[Severity.WARNING], 'warning')}",
    ]


def _number(many: int, what: str) -> str:
    return f"{many} {what}{'' if many == 1 else 's'}"


def _place(mark: Mark) -> str:
    return f"{mark.file}:{mark.line}:{mark.column}"


def _plain(note: Diagnostic) -> dict[str, Any]:
    return {
        "code": note.code,
        "severity": note.severity.value,
        **_spot(note.mark),
        "path": note.path,
        "message": note.message,
        "hint": note.hint,
        "related": [{**_spot(each.mark), "message": each.message} for each in note.related],
    }


def _spot(mark: Mark) -> dict[str, Any]:
    return {"file": str(mark.file), "line": mark.line, "column": mark.column, "end_column": mark.end_column}


def _annotation(note: Diagnostic) -> str:
    def data(text: str) -> str:
        return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")

    def value(text: str) -> str:
        return data(text).replace(":", "%3A").replace(",", "%2C")

    spot = f"file={value(str(note.mark.file))},line={note.mark.line},col={note.mark.column},title={note.code}"
    return f"::{note.severity} {spot}::{data(f'{note.message}. {note.hint}')}"
