"""The comments of a YAML text and where they start, as the scanner sees them: a # within a value is no comment."""

from bisect import bisect_right
from collections.abc import Sequence
from typing import Any, Final, TypeAlias

import msgspec
import yaml

from gateway.config.diagnostics import Mark
from gateway.config.text import Text

_scan: Final[Any] = yaml.scan  # pyright: ignore[reportUnknownVariableType, reportUnknownMemberType] -- partial stubs
_LOADER: Final[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

_Spot: TypeAlias = tuple[int, int]  # line and column, from 0


class Comment(msgspec.Struct, frozen=True):
    """`text` is without the #; `alone` where nothing else stands on the line."""

    mark: Mark
    text: str
    alone: bool


def read_comments(text: Text, containing: str) -> list[Comment]:
    """Those that contain a word, in order; none of a text that is not YAML."""
    if containing not in text.body:
        return []
    try:
        values = [_span(token) for token in _scan(text.body, Loader=_LOADER) if isinstance(token, yaml.ScalarToken)]
    except yaml.YAMLError:
        return []
    found: list[Comment] = []
    for number, line in enumerate(text.lines()):
        if containing in line and (start := _start(line, number, values)) is not None:
            mark = Mark(text.file, number + 1, start + 1, len(line.rstrip()) + 1)
            found.append(Comment(mark, line[start + 1 :].strip(), alone=not line[:start].strip()))
    return [each for each in found if containing in each.text]


def _span(token: Any) -> tuple[_Spot, _Spot]:
    """From where to where a value reaches. The line that opens a block (`|`, `>`) is none of it: it may be commented."""
    start, end = token.start_mark, token.end_mark
    first = (start.line + 1, 0) if token.style in ("|", ">") else (start.line, start.column)
    return first, (end.line, end.column)


def _start(line: str, number: int, values: Sequence[tuple[_Spot, _Spot]]) -> int | None:
    """The column of the first # that opens a comment."""
    column = line.find("#")
    while column >= 0:
        if (column == 0 or line[column - 1] in " \t") and not _inside((number, column), values):
            return column
        column = line.find("#", column + 1)
    return None


def _inside(spot: _Spot, values: Sequence[tuple[_Spot, _Spot]]) -> bool:
    before = bisect_right(values, spot, key=lambda each: each[0]) - 1
    return before >= 0 and spot < values[before][1]
