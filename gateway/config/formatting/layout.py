"""Layout by round trip: two spaces, sequences below their key, no needless quotes, no flow over several lines.

Scalars are never resolved, so nothing that looks like a number or a date can be written otherwise than it was. The
library that keeps comments is imported when something is formatted, and only then.
"""

import io
import re
from collections.abc import Callable
from typing import Any, Final, cast

from gateway.config.comments import read_comments
from gateway.config.emitting import AMBIGUOUS
from gateway.config.located import Located, Where
from gateway.config.text import Text

_NULL: Final = "tag:yaml.org,2002:null"
_WORD: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*(?:[ ./][A-Za-z0-9_-]+)*")  # needs no quotes, wherever it stands
_ENDLESS: Final = 1 << 20


def lay_out(text: Text, located: Located) -> str:
    """The text in canonical layout; keys stay in their order."""
    from ruamel.yaml import YAML  # the only user of this library
    from ruamel.yaml.resolver import VersionedResolver
    from ruamel.yaml.scalarstring import PlainScalarString

    class Literal(VersionedResolver):
        """Everything is text, but for a value that is left out."""

        @property
        def versioned_resolver(self) -> Any:
            return {"": [(_NULL, re.compile("^$"))]}

    yaml: Any = YAML(typ="rt")
    yaml.Resolver = Literal
    yaml.preserve_quotes = True
    yaml.width = _ENDLESS
    yaml.indent(mapping=2, sequence=4, offset=2)
    tree: Any = yaml.load(text.body)
    _unquote(tree, PlainScalarString, set())
    _unfold(tree, located, (), set())
    out = io.StringIO()
    yaml.dump(tree, out)
    return _comments_in_line(text, Text(text.file, out.getvalue()))


def _unquote(node: Any, plain: Callable[[str], Any], seen: set[int]) -> None:
    """Plain words lose their quotes, wherever another reader would still take them for words."""
    if id(node) in seen or not isinstance(node, dict | list):
        return
    seen.add(id(cast("object", node)))
    entries = (
        list(cast("dict[Any, Any]", node).items())
        if isinstance(node, dict)
        else list(enumerate(cast("list[Any]", node)))
    )
    for key, value in entries:
        _unquote(value, plain, seen)
        style = type(value).__name__
        if style in ("DoubleQuotedScalarString", "SingleQuotedScalarString") and _needs_none(value):
            cast("Any", node)[key] = plain(str(value))


def _needs_none(value: Any) -> bool:
    anchor = getattr(value, "anchor", None)
    return (anchor is None or anchor.value is None) and bool(_WORD.fullmatch(value)) and not AMBIGUOUS.fullmatch(value)


def _unfold(node: Any, located: Located, where: Where, seen: set[int]) -> None:
    """A flow collection that is written over several lines becomes a block."""
    if id(node) in seen or not isinstance(node, dict | list):
        return
    seen.add(id(cast("object", node)))
    mark = located.values.get(where)
    if mark is not None and located.ends.get(where, mark.line) > mark.line and node:
        cast("Any", node).fa.set_block_style()
    entries = cast("dict[Any, Any]", node).items() if isinstance(node, dict) else enumerate(cast("list[Any]", node))
    for key, value in entries:
        _unfold(value, located, (*where, key), seen)


def _comments_in_line(before: Text, after: Text) -> str:
    """Comments that stand alone keep their column in the round trip; here they follow the line they belong to."""
    lines = after.lines()
    old, new = read_comments(before, ""), read_comments(after, "")
    if len(old) != len(new):
        return after.body  # the caller sees that something is lost
    was = before.lines()
    for one, other in zip(old, new, strict=True):
        if not (one.alone and other.alone):
            continue
        row = other.mark.line - 1
        for step in (1, -1):
            near, now = _content(was, old, one.mark.line - 1, step), _content(lines, new, row, step)
            if near is not None and now is not None and near == one.mark.column - 1:
                lines[row] = " " * now + lines[row].lstrip()
                break
    return "\n".join(line.rstrip() for line in lines)


def _content(lines: list[str], comments: list[Any], row: int, step: int) -> int | None:
    """The indentation of the next line with content, downwards or upwards."""
    alone = {each.mark.line - 1 for each in comments if each.alone}
    row += step
    while 0 <= row < len(lines):
        if lines[row].strip() and row not in alone:
            return len(lines[row]) - len(lines[row].lstrip())
        row += step
    return None
