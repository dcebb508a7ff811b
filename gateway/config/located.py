"""YAML text to a plain tree that remembers where every key and value stood.

What is wrong in a single node is reported and the reading goes on; only broken syntax ends it. Knows nothing of what the
keys mean.
"""

from collections.abc import Mapping
from typing import Any, TypeAlias, cast

import msgspec
import yaml

from gateway.config.codes import found
from gateway.config.diagnostics import Diagnostic, Mark
from gateway.config.nodes import Node, Reader
from gateway.config.syntax import syntax_error
from gateway.config.text import Text

Where: TypeAlias = tuple[str | int, ...]


class Located(msgspec.Struct, frozen=True):
    """A tree and its places. `muted` are paths whose value is known to be wrong and was reported."""

    text: Text
    tree: Any
    values: Mapping[Where, Mark]
    keys: Mapping[Where, Mark]
    ends: Mapping[Where, int]
    muted: frozenset[Where] = frozenset()

    def mark(self, *where: str | int) -> Mark:
        """The place of a value, or of the nearest thing around it that is written down."""
        for length in range(len(where), -1, -1):
            if (mark := self.values.get(where[:length])) is not None:
                return mark
        return Mark(self.text.file, 1, 1)

    def key(self, *where: str | int) -> Mark:
        """The place of the key that leads to a value."""
        return self.keys.get(where) or self.mark(*where)

    def copy(self) -> "Located":
        """The same again, of which tree and places may be changed."""
        return Located(self.text, copied(self.tree), dict(self.values), dict(self.keys), self.ends, self.muted)


def copied(value: Any) -> Any:
    """A tree of its own, down to the leaves."""
    if isinstance(value, dict):
        return {key: copied(child) for key, child in cast("dict[str, Any]", value).items()}
    if isinstance(value, list):
        return [copied(child) for child in cast("list[Any]", value)]
    return value


def read_tree(text: Text) -> tuple[Located | None, list[Diagnostic]]:
    """The located tree, or None when the file has no readable tree at all."""
    reader = Reader(text)
    try:
        root = reader.read()
    except yaml.MarkedYAMLError as error:
        return None, [*reader.notes, syntax_error(text, error)]
    except yaml.YAMLError as error:  # a reader error has an offset, no mark
        place = text.place(int(getattr(error, "position", 0) or 0))
        return None, [*reader.notes, found("MG0001", place, "the text cannot be read as YAML", "check this character")]
    if root is None:
        return None, reader.notes
    places = _Places({}, {}, {}, set())
    tree = places.expand(root, ())
    located = Located(text, tree, places.values, places.keys, places.ends, frozenset(places.muted))
    return located, reader.notes


class _Places(msgspec.Struct):
    """Turns nodes into plain values and notes the place of each path."""

    values: dict[Where, Mark]
    keys: dict[Where, Mark]
    ends: dict[Where, int]
    muted: set[Where]

    def expand(self, node: Node, where: Where) -> Any:
        self.values[where] = node.mark
        self.ends[where] = node.last
        if node.wrong:
            self.muted.add(where)
        if node.entries is not None:
            plain: dict[str, Any] = {}
            for key, (mark, child) in node.entries.items():
                self.keys[(*where, key)] = mark
                plain[key] = self.expand(child, (*where, key))
            return plain
        if node.items is not None:
            return [self.expand(child, (*where, index)) for index, child in enumerate(node.items)]
        return node.value
