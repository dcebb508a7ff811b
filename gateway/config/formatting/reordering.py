"""Keys moved with everything that is theirs: their value, the comment behind it, the comments above.

Works on lines and columns, so that what moves is not written anew. Each move keeps the number of lines and the length
of what it permutes, so places found before stay true for what stands around it.
"""

from collections.abc import Sequence
from itertools import pairwise

from gateway.config.comments import Comment, read_comments
from gateway.config.located import Located, Where
from gateway.config.text import Text


def reorder(text: Text, located: Located, orders: Sequence[tuple[Where, list[str]]]) -> str:
    """The text with the keys of these mappings in these orders; inner ones first."""
    lines = text.lines()
    alone = {each.mark.line - 1: each for each in read_comments(text, "") if each.alone}
    for where, wanted in sorted(orders, key=lambda each: -len(each[0])):
        spots = [(located.keys[(*where, key)].line - 1, located.keys[(*where, key)].column - 1, key) for key in wanted]
        spots.sort()
        if [key for _, _, key in spots] == wanted:
            continue
        if len({line for line, _, _ in spots}) == len(spots):
            _blocks(lines, alone, located, where, spots, wanted)
        elif len({line for line, _, _ in spots}) == 1:
            _flow(lines, spots, wanted)
    return "\n".join(lines)


def _blocks(
    lines: list[str], alone: dict[int, Comment], located: Located, where: Where, spots: list[tuple[int, int, str]],
    wanted: list[str],
) -> None:  # fmt: skip
    column = spots[0][1]
    prefix = lines[spots[0][0]][:column]  # dashes of the lists that start here
    first = _head(lines, alone, spots[0][0]) if not where else spots[0][0]
    if where and not prefix.strip():
        first = _start(lines, alone, first, column, 0)
    starts = [first, *(_start(lines, alone, line, column, before[0]) for before, (line, _, _) in pairwise(spots))]
    end = _end(lines, alone, located, where, spots[-1][0], column)
    chunks: dict[str, list[str]] = {}
    for (line, _, key), start, stop in zip(spots, starts, [*starts[1:], end], strict=True):
        chunk = lines[start:stop]
        if line == spots[0][0]:
            chunk[line - start] = " " * column + chunk[line - start][column:]
        chunks[key] = chunk
    moved = [line for key in wanted for line in chunks[key]]
    while moved and not moved[0].strip():
        moved.append(moved.pop(0))  # no blank line before the first key
    head = next(n for n, line in enumerate(moved) if line.strip() and not line.lstrip().startswith("#"))
    moved[head] = prefix + moved[head][column:]
    lines[first:end] = moved


def _head(lines: list[str], alone: dict[int, Comment], line: int) -> int:
    """Where the first key of a file begins: below the file's own heading, which a blank line ends."""
    start = line
    while start - 1 in alone:
        start -= 1
    return start if start > 0 and not lines[start - 1].strip() else line


def _start(lines: list[str], alone: dict[int, Comment], line: int, column: int, above: int) -> int:
    """Where what belongs to a key begins: with the comments and blank lines above it, down to its own indentation."""
    start = line
    while start - 1 > above and (start - 1 in alone or not lines[start - 1].strip()):
        start -= 1
    while start < line and start in alone and alone[start].mark.column - 1 != column:
        start += 1  # comments of what stands before
    return start


def _end(lines: list[str], alone: dict[int, Comment], located: Located, where: Where, last: int, column: int) -> int:
    """The line after the last one that belongs to the last key: further ones are indented deeper."""
    stop = last + 1
    rows = {mark.line - 1 for path, mark in located.values.items() if path[: len(where)] == where}
    reach = max([last, *rows, *(located.ends.get(path, 0) - 1 for path in located.values if path[:-1] == where)])
    end = stop
    while stop < len(lines):
        line = lines[stop]
        indent = len(line) - len(line.lstrip())
        if (
            line.strip()
            and indent <= column
            and stop not in alone
            and not (indent == column and line.lstrip()[:1] == "-")
        ):
            break
        if line.strip() and (stop not in alone or indent > column or stop < reach):
            end = stop + 1
        stop += 1
    return end


def _flow(lines: list[str], spots: list[tuple[int, int, str]], wanted: list[str]) -> None:
    """`{b: 2, a: 1}` on one line. What stands between two keys is the value and the comma."""
    row = spots[0][0]
    line = lines[row]
    close = _closing(line, spots[-1][1])
    pieces: dict[str, str] = {}
    for (_, start, key), stop in zip(spots, [*(spot[1] for spot in spots[1:]), close], strict=True):
        pieces[key] = line[start:stop].rstrip().rstrip(",").rstrip() if stop != close else line[start:stop].rstrip()
    moved = ", ".join(pieces[key] for key in wanted)
    room = close - spots[0][1]
    lines[row] = line[: spots[0][1]] + moved.ljust(room) + line[close:] if len(moved) <= room else line


def _closing(line: str, last: int) -> int:
    """The column of the brace that ends the mapping, found by counting from its last key."""
    depth, quote, column = 1, "", last
    while column < len(line):
        each = line[column]
        if quote:
            if each == "\\" and quote == '"':
                column += 1
            elif each == quote:
                quote = ""
        elif each in "\"'" and line[column - 1] in " {[,:":
            quote = each
        elif each in "{[":
            depth += 1
        elif each in "}]":
            depth -= 1
            if depth == 0:
                return column
        column += 1
    return len(line)
