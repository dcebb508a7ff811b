"""Findings made ready to be shown: pointer, masked excerpt, order; and no referenced value anywhere in them."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import msgspec

from gateway.config.diagnostics import Diagnostic, Mark, Related
from gateway.config.located import Located, Where
from gateway.config.reading import Page

if TYPE_CHECKING:
    from pathlib import Path

MASK: Final = "••••"
MAX_EXCERPT: Final = 160
_SHORT: Final = 4  # shorter values are words that may stand anywhere; places that hold them are hidden already
USERINFO: Final = re.compile(r"(://)[^/\s@]+@")
NAMED: Final = re.compile(r"(?i)(secret|token(?!s)|passw|pwd|credential|private|api[-_]?key)")  # keys that say so
_SECRETIVE: Final = re.compile(r"(?i)(key|secret|token|passw|pwd|credential|auth|dsn|url|uri|hash|sha256)")


def finish(notes: Iterable[Diagnostic], pages: Iterable[Page]) -> tuple[Diagnostic, ...]:
    """Each finding once, sorted by place. `pages` are all whose values or lines the findings may hold, and no others:
    what another tenant references is not looked for, or its value could be found by guessing."""
    noted = list(notes)
    if not noted:
        return ()
    values: dict[str, str] = {}
    wanted = {note.mark.file for note in noted}
    shown: dict[Path, _Shown] = {}
    for page in pages:
        values |= page.values
        if page.file in wanted:
            shown[page.file] = _shown(page)
    nothing = _Shown()
    done: list[Diagnostic] = []
    for note in noted:
        around = shown.get(note.mark.file, nothing)
        where = around.pointers.get((note.mark.line, note.mark.column))
        told = msgspec.structs.replace(
            note,
            path="" if where is None else pointer(where),
            message=scrub(note.message, values),
            hint=scrub(note.hint, values),
            related=tuple(Related(each.mark, scrub(each.message, values)) for each in note.related),
            excerpt=scrub(_excerpt(note.mark, around), values),
        )
        done.append(told)
    return in_order(done)


def in_order(notes: Iterable[Diagnostic]) -> tuple[Diagnostic, ...]:
    """Each once, sorted by place."""
    done: dict[tuple[Any, ...], Diagnostic] = {}
    for note in notes:
        done.setdefault((note.code, note.mark, note.message), note)
    return tuple(sorted(done.values(), key=lambda each: (str(each.mark.file), each.mark, each.code, each.message)))


class _Shown(msgspec.Struct, frozen=True):
    """What of a file may be shown. `hidden` is None where no tree says what is a credential."""

    pointers: Mapping[tuple[int, int], Where] = {}
    lines: Sequence[str] = ()
    hidden: Mapping[int, list[tuple[int, int]]] | None = None


def _shown(page: Page) -> _Shown:
    lines = page.text.lines() if page.text else ()
    if page.located is None:
        return _Shown(lines=lines)
    return _Shown(_pointers(page.located), lines, _hidden(page.located, page.sensitive))


def pointer(where: Where) -> str:
    return "".join("/" + str(step).replace("~", "~0").replace("/", "~1") for step in where)


def scrub(text: str, values: Mapping[str, str]) -> str:
    """The text with every referenced value replaced by its reference."""
    for value, reference in values.items():
        if len(value) >= _SHORT and value in text:
            text = text.replace(value, reference)
    return USERINFO.sub(rf"\1{MASK}@", text)


def _pointers(located: Located) -> dict[tuple[int, int], Where]:
    """Place -> path. A mapping starts where its first key does: that place is the key's. Aliases count where defined."""
    places: dict[tuple[int, int], Where] = {}
    for where, mark in (*located.keys.items(), *located.values.items()):
        places.setdefault((mark.line, mark.column), where)
    return places


def _hidden(located: Located, sensitive: frozenset[Where] | None) -> dict[int, list[tuple[int, int]]]:
    """Line -> column spans that must not be shown; an end of 0 is the end of the line."""
    spans: dict[int, list[tuple[int, int]]] = {}
    around = {where[:-1] for where in located.values if where}
    for where, mark in located.values.items():
        if where in around or not _is_sensitive(where, sensitive):
            continue
        last = max(located.ends.get(where, mark.line), mark.line)
        for line in range(mark.line, last + 1):
            start = mark.column if line == mark.line else 1
            spans.setdefault(line, []).append((start, mark.end_column if last == mark.line else 0))
    return spans


def _is_sensitive(where: Where, sensitive: frozenset[Where] | None) -> bool:
    """Unchecked trees are hidden whole; of checked ones, what the check named and what its key calls a secret."""
    if not where:
        return False
    if sensitive is None:
        return True
    if where[-1] == "type":
        return False  # names a plugin, known or not
    if any(isinstance(step, str) and (step == "api_keys" or NAMED.search(step)) for step in where):
        return True
    return any(where[:length] in sensitive for length in range(1, len(where) + 1))


def _excerpt(mark: Mark, around: _Shown) -> str:
    if mark.line > len(around.lines):
        return ""
    line = around.lines[mark.line - 1]
    if around.hidden is None:
        return "" if _SECRETIVE.search(line) else line[:MAX_EXCERPT]
    for start, end in sorted(around.hidden.get(mark.line, ()), reverse=True):
        stop = end - 1 if end else len(line)
        line = line[: start - 1] + MASK + line[stop:] if stop > start - 1 else line
    return line[:MAX_EXCERPT]
