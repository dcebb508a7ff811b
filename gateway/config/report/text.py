"""Findings for people: place, message, the line with a caret, what to do; then what was checked and how it ended."""

from pathlib import Path

from gateway.config.diagnostics import Diagnostic, Mark, Severity
from gateway.config.verdict import Verdict


def render_plain(verdict: Verdict, base: Path) -> str:
    """Files are named as they were given, so that terminals can open them."""
    del base
    return "\n".join([*(line for each in verdict.findings for line in _block(each)), *summary(verdict)])


def summary(verdict: Verdict) -> list[str]:
    """Two lines: what was checked, how deep and how deep not; and how many findings there are."""
    broken, many = len(verdict.broken), len(verdict.compiled.tenants | verdict.broken)
    tenants = "tenants not served" if verdict.refused else f"tenants {many - broken}/{many} ok"
    parts = [
        f"gateway {'broken' if verdict.refused else 'ok'}",
        tenants,
        f"{_number(len(verdict.compiled.files), 'file')} read",
        f"levels run: {', '.join(verdict.run)}",
        *([f"not run: {', '.join(verdict.not_run)}"] if verdict.not_run else []),
        *(["what is missing or unused: not asked while there are errors"] if verdict.waiting else []),
    ]
    counts = [
        _number(len(verdict.of(Severity.ERROR)), "error"),
        _number(len(verdict.of(Severity.WARNING)), "warning"),
        *([f"{len(verdict.allowed)} allowed"] if verdict.allowed else []),
        *([f"{verdict.elsewhere} in other files not shown"] if verdict.elsewhere else []),
    ]
    return [" | ".join(parts), ", ".join(counts)]


def place(mark: Mark) -> str:
    return f"{mark.file}:{mark.line}:{mark.column}"


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
    lines += [f"{gutter}= {place(each.mark)}: {each.message}" for each in note.related]
    return lines


def _number(many: int, what: str) -> str:
    return f"{many} {what}{'' if many == 1 else 's'}"
