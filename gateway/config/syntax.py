"""The parser's complaints in words that say what to do. Never quotes the text itself: it may hold credentials."""

import re
from typing import Any, Final

from gateway.config.codes import found
from gateway.config.diagnostics import Diagnostic, Mark
from gateway.config.text import Text

_HINTS: Final[tuple[tuple[str, str, str], ...]] = (
    ("mapping values are not allowed", "a second `: ` on this line, or a wrong indentation", "quote text that holds `: `"),
    ("could not find expected ':'", "this line should be `key: value`", "add the colon, or indent the text below its key"),
    ("did not find expected key", "the mapping ends unexpectedly", "indent this like its neighbours, or close a quote"),
    ("did not find expected '-'", "the list ends unexpectedly", "indent this like the other items of the list"),
    ("block sequence entries are not allowed", "a list item cannot start here", "start the list on a line of its own"),
    ("did not find expected ',' or", "the [...] or {...} is not closed", "add the missing `,`, `]` or `}`"),
    ("expected ',' or", "the [...] or {...} is not closed", "add the missing `,`, `]` or `}`"),
    ("unexpected end of stream", "a quote is opened and never closed", "close the quote"),
    ("found unknown escape", "this escape does not exist", "use single quotes, or double the backslash"),
    ("unknown escape", "this escape does not exist", "use single quotes, or double the backslash"),
    ("cannot start any token", "this character cannot start a value", "put the value in quotes"),
    ("undefined tag handle", "this tag is not declared", "remove the tag"),
    ("duplicate anchor", "this anchor exists already", "give the second one another name"),
    ("expected <block end>", "the indentation does not fit the lines above", "indent this like its neighbours"),
    ("expected the node content", "a value is missing here", "write the value, or remove the key"),
    ("did not find expected node content", "a value is missing here", "write the value, or remove a comma"),
    ("document start", "something follows the end of the document", "indent it like the rest, or remove it"),
    ("directive", "this directive is not understood", "remove the line that starts with %"),
)  # fmt: skip


def syntax_error(text: Text, error: Any) -> Diagnostic:
    """One finding for what stopped the parser, where it noticed, pointing back to where the trouble began."""
    problem = f"{error.problem or ''} {error.context or ''}"
    at = error.problem_mark or error.context_mark
    lines = text.lines()
    line = min(at.line, len(lines) - 1) if at else 0
    mark = Mark(text.file, line + 1, min(at.column, len(lines[line])) + 1 if at else 1)
    for number in {line, max(line - 1, 0)}:
        if tab := re.match(r"[ -]*(\t)", lines[number]):
            place = Mark(text.file, number + 1, tab.start(1) + 1)
            return found("MG0004", place, "a tab in the indentation", "indent with spaces")
    began = error.context_mark
    since = f" (it began on line {began.line + 1})" if began and began.line != (at.line if at else 0) else ""
    for words, message, hint in _HINTS:
        if words in problem:
            return found("MG0001", mark, message + since, hint)
    return found("MG0001", mark, f"the text cannot be read as YAML{since}", "check indentation, quotes and brackets")
