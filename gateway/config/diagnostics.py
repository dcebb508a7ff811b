"""What is wrong with a configuration, and exactly where. Every check of every stage reports in this shape."""

from enum import StrEnum
from pathlib import Path

import msgspec


class Severity(StrEnum):
    ERROR = "error"
    WARNING = "warning"


class Mark(msgspec.Struct, frozen=True, order=True, gc=False):
    """A place in a file, counted from 1. There are many, none leads back to itself, so no collection looks at them."""

    file: Path
    line: int
    column: int
    end_column: int = 0


class Related(msgspec.Struct, frozen=True):
    mark: Mark
    message: str


class Diagnostic(msgspec.Struct, frozen=True, kw_only=True):
    """`code` is stable; `path` is the JSON pointer inside the file; `hint` says what to do.

    `excerpt` is the source line with everything masked that could be a credential. `raised` is a warning that `lint`
    made an error of: it fails a check, and what it is about is served all the same.
    """

    code: str
    severity: Severity
    mark: Mark
    path: str
    message: str
    hint: str = ""
    related: tuple[Related, ...] = ()
    excerpt: str = ""
    raised: bool = False

    def line(self) -> str:
        return f"{self.mark.file}:{self.mark.line}:{self.mark.column}: {self.severity}[{self.code}]: {self.message}"
