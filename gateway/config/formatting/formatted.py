"""A file's text to its canonical form, or the reason why it is left alone.

What comes out is read again and held against what went in: the same tree, the same comments. Anything else is refused.
"""

from collections import Counter
from pathlib import Path
from typing import Any, cast

import msgspec

from gateway.config.catalog import Catalog
from gateway.config.comments import read_comments
from gateway.config.diagnostics import Diagnostic, Severity
from gateway.config.dialect import Schema
from gateway.config.formatting.layout import lay_out
from gateway.config.formatting.order import wanted_orders
from gateway.config.formatting.reordering import reorder
from gateway.config.located import Located, read_tree
from gateway.config.schema import File, build_schema
from gateway.config.text import Text, read_text


class Formatted(msgspec.Struct, frozen=True, kw_only=True):
    """`text` is None where the file is left alone: it is not of the language, not readable, or `why` says more."""

    text: str | None = None
    why: str = ""
    notes: tuple[Diagnostic, ...] = ()


def kind_of_file(tree: Any) -> File | None:
    """Which file of the language this is, by the keys that only it has; None where it is none."""
    keys = set(cast("dict[str, Any]", tree)) if isinstance(tree, dict) else set[str]()
    if "cases" in keys and "target" in keys:
        return "configtest"
    if "tenant" in keys:
        return "tenant"
    return "gateway" if "version" in keys and keys & {"providers", "tenants", "include", "defaults"} else None


def format_file(file: Path, catalog: Catalog) -> Formatted:
    try:
        raw = file.read_bytes()
    except OSError as error:
        return Formatted(why=error.strerror or "it cannot be read")
    text, notes = read_text(file, raw)
    located: Located | None = None
    if text is not None:
        located, more = read_tree(text)
        notes = [*notes, *more]
    wrong = tuple(note for note in notes if note.severity is Severity.ERROR)
    if text is None or located is None or wrong:
        return Formatted(why="it cannot be read", notes=wrong)
    kind = kind_of_file(located.tree)
    if kind is None:
        return Formatted(why="it is no file of this language")
    return format_text(text, located, build_schema(kind, catalog))


def format_text(text: Text, located: Located, schema: Schema) -> Formatted:
    try:
        laid = Text(text.file, lay_out(text, located))
    except Exception as error:  # noqa: BLE001 -- the library's own opinions about YAML are no reason to crash
        return Formatted(why=f"the layout cannot be changed: {type(error).__name__}")
    again = _read(laid)
    if again is None:
        return Formatted(why="its layout would change what it means")
    moved = reorder(laid, again, list(wanted_orders(again.tree, schema)))
    ordered = Text(text.file, moved.rstrip("\n") + "\n")
    end = _read(ordered)
    if end is None or not same(end.tree, located.tree):  # an alias that would come before its anchor
        ordered, end = laid, again
    if not same(end.tree, located.tree):
        return Formatted(why="formatting would change what it means")
    if _comments(ordered) != _comments(text):
        return Formatted(why="formatting would lose or change a comment; move comments out of { } and [ ]")
    return Formatted(text=ordered.body)


def same(one: Any, other: Any) -> bool:
    """Whether two trees mean the same: the order of keys is nothing, the type of a scalar is."""
    if type(one) is not type(other):
        return False
    if isinstance(one, dict):
        left, right = cast("dict[str, Any]", one), cast("dict[str, Any]", other)
        return left.keys() == right.keys() and all(same(left[key], right[key]) for key in left)
    if isinstance(one, list):
        items, others = cast("list[Any]", one), cast("list[Any]", other)
        return len(items) == len(others) and all(map(same, items, others))
    return bool(one == other)


def _read(text: Text) -> Located | None:
    located, notes = read_tree(text)
    return None if any(note.severity is Severity.ERROR for note in notes) else located


def _comments(text: Text) -> Counter[str]:
    return Counter(each.text for each in read_comments(text, ""))
