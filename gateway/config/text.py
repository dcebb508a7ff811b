"""Bytes to text, or a finding that says why not. The first gate: what passes is UTF-8 that YAML can hold."""

import re
from pathlib import Path
from typing import Final

import msgspec

from gateway.config.codes import found
from gateway.config.diagnostics import Diagnostic, Mark

MAX_BYTES: Final = 1 << 20
BREAK: Final = re.compile("\r\n|[\r\n\x85\u2028\u2029]")  # what YAML takes for the end of a line
_FORBIDDEN: Final = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]")


class Text(msgspec.Struct, frozen=True):
    file: Path
    body: str

    def lines(self) -> list[str]:
        return BREAK.split(self.body)

    def place(self, offset: int) -> Mark:
        before = BREAK.split(self.body[:offset])
        return Mark(self.file, len(before), len(before[-1]) + 1)


def read_text(file: Path, raw: bytes) -> tuple[Text | None, list[Diagnostic]]:
    """The text, or None when nothing after this can make sense of it."""
    start = Mark(file, 1, 1)
    if len(raw) > MAX_BYTES:
        why = f"the file has {len(raw):,} bytes; at most {MAX_BYTES:,} are read"
        return None, [found("MG0007", start, why, "split it: one file per tenant, included")]
    try:
        body = raw.decode()
    except UnicodeDecodeError as error:
        mark = Text(file, raw[: error.start].decode(errors="replace")).place(error.start)
        utf16 = raw[:2] in (b"\xff\xfe", b"\xfe\xff")
        hint = "this looks like UTF-16; save it as UTF-8" if utf16 else "save the file as UTF-8"
        return None, [found("MG0002", mark, f"byte {error.start} is not UTF-8", hint)]
    notes: list[Diagnostic] = []
    if body.startswith("\ufeff"):
        notes.append(found("MG0015", start, "the file starts with a byte order mark", "save it as UTF-8 without one"))
        body = body[1:]
    text = Text(file, body)
    if wrong := _FORBIDDEN.search(body):
        name = "NUL" if wrong[0] == "\0" else f"U+{ord(wrong[0]):04X}"
        hint = 'remove it, or write an escape such as "\\u0007" in double quotes'
        return None, [
            *notes,
            found("MG0003", text.place(wrong.start()), f"the character {name} cannot stand here", hint),
        ]
    return text, notes
