"""Whether audit files are whole: every line by itself, all lines of a chain in their order, and how far each chain went.

Takes the files in any order; those of one chain are put together by their numbers. Reads only.
"""

import re
from collections.abc import Iterable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Final

import msgspec

from gateway.hooks.audit.chain import NOTHING, Head, Keys, Line, check_head, follows, lines_of
from gateway.hooks.audit.sink import head_of

_ASIDE: Final = re.compile(r"\.\d{12}$")


class Finding(msgspec.Struct, frozen=True):
    """The first bad line of a file, or a file as a whole where `line` is 0."""

    file: Path
    line: int
    wrong: str


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """One file without a bad line."""

    file: Path
    first: Line
    last: Line
    lines: int
    at_head: str = ""  # the hash of the line that the head speaks of, where it is in this file


class Verified(msgspec.Struct, frozen=True):
    parts: tuple[Part, ...]
    findings: tuple[Finding, ...]


def verify(files: Iterable[Path], keys: Keys | None, *, partial: bool = False) -> Verified:
    """`partial`: files may be missing before the first and after the last that are given."""
    parts: list[Part] = []
    findings: list[Finding] = []
    empty: list[Path] = []
    for file in files:
        found = _part(file, keys, 0 if partial else _begins(file))
        if isinstance(found, Finding):
            findings.append(found)
        elif found is not None:
            parts.append(found)
        else:
            empty.append(file)
    for chain in sorted({part.first.chain for part in parts}):
        those = sorted((part for part in parts if part.first.chain == chain), key=lambda part: part.first.seq)
        findings += _whole(those, keys, partial=partial)
    heads = {head_of(live_of(part.file)) for part in parts}
    for file in empty:
        if not partial and head_of(file) not in heads and _ends(file) > 0:
            findings.append(Finding(file, 0, "has no lines, and its head knows of some"))
    return Verified(tuple(parts), tuple(findings))


def live_of(file: Path) -> Path:
    """The file that a chain goes on in, of one that was set aside."""
    return file.with_name(_ASIDE.sub("", file.stem) + file.suffix)


def _begins(file: Path) -> int:
    """The number that the first line of a file must have, by the files that were set aside before it."""
    live = live_of(file)
    aside = [int(each.stem[-12:]) for each in live.parent.glob(f"{live.stem}.*{live.suffix}") if live_of(each) == live]
    own = int(file.stem[-12:]) if file != live else None
    return 1 + max((each for each in aside if own is None or each < own), default=0)


def _part(file: Path, keys: Keys | None, begins: int) -> Part | Finding | None:
    """None for a file without lines. `begins` is 0 where any number will do."""
    first = last = None
    count, at_head, end = 0, "", _ends(live_of(file))
    try:
        with file.open("rb") as raw:
            for verdict in lines_of(raw, keys):
                if verdict.wrong or verdict.line is None:
                    return Finding(file, verdict.number, verdict.wrong)
                if begins and verdict.number == 1 and verdict.line.seq != begins:
                    return Finding(file, 1, f"has the number {verdict.line.seq} where {begins} was to come")
                count, first, last = verdict.number, first or verdict.line, verdict.line
                at_head = last.hash if last.seq == end else at_head
    except OSError as error:
        return Finding(file, 0, error.strerror or "cannot be read")
    if first is None or last is None:
        return None
    return Part(file=file, first=first, last=last, lines=count, at_head=at_head)


def _ends(file: Path) -> int:
    """The number of the last line, as the head beside a file says; -1 where it says nothing."""
    try:
        return msgspec.json.decode(head_of(file).read_bytes(), type=Head).seq
    except (OSError, msgspec.DecodeError):
        return -1


def _whole(parts: list[Part], keys: Keys | None, *, partial: bool) -> Iterator[Finding]:
    first, last = parts[0], parts[-1]
    if first.first.seq == 1 and first.first.previous != NOTHING:
        yield Finding(first.file, 1, "is the first of its chain and stands on something")
    elif first.first.seq != 1 and not partial:
        yield Finding(first.file, 1, f"has the number {first.first.seq}: what was before it is not among the files")
    for before, after in pairwise(parts):
        if wrong := follows(before.last, after.first):
            yield Finding(after.file, 1, wrong)
    if partial:
        return
    head = head_of(live_of(last.file))
    if not head.exists():
        yield Finding(last.file, 0, "has no head beside it, so nobody can say whether lines are missing at its end")
        return
    at_head = next((part.at_head for part in parts if part.at_head), "")
    if wrong := check_head(head.read_bytes(), at_head, last.last.seq, keys):
        yield Finding(last.file, last.lines, wrong)
