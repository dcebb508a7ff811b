"""Events of the YAML parser to nodes that know their place.

Works on one event at a time, so depth and aliases are bounded before anything is built. What is wrong in a single node
is noted and the reading goes on. Knows nothing of what the keys mean.
"""

from typing import Any, Final

import msgspec
import yaml

from gateway.config.codes import found
from gateway.config.diagnostics import Diagnostic, Mark, Related
from gateway.config.scalars import Scalar, read_scalar
from gateway.config.text import Text

MAX_DEPTH: Final = 64
MAX_EXPANDED: Final = 200_000
MAX_FACTOR: Final = 50
_CORE: Final = "tag:yaml.org,2002:"
_parse: Final[Any] = yaml.parse  # pyright: ignore[reportUnknownVariableType, reportUnknownMemberType] -- partial stubs
_LOADER: Final[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the C one where it was built


class Node(msgspec.Struct):
    """One value of the text. `size` counts it and all below it, aliases expanded; `wrong` was reported already."""

    mark: Mark
    value: Scalar = None
    items: "list[Node] | None" = None
    entries: "dict[str, tuple[Mark, Node]] | None" = None
    size: int = 1
    wrong: bool = False
    open: bool = False
    last: int = 0  # line where it ends


class Reader:
    """Events to nodes, with a stack of open collections in place of recursion."""

    def __init__(self, text: Text) -> None:
        self.text = text
        self.notes: list[Diagnostic] = []
        self.anchors: dict[str, Node] = {}
        self.depths: dict[int, int] = {}  # id of a closed collection -> levels below it
        self.actual = 0
        self.aliased = False

    def read(self) -> Node | None:
        stack: list[tuple[Node, list[tuple[Mark, str | None] | None]]] = []
        root: Node | None = None
        documents = 0
        for event in _parse(self.text.body, Loader=_LOADER):
            mark = self._mark(event)
            match event:
                case yaml.DocumentStartEvent():
                    documents += 1
                    if documents > 1:
                        self._note("MG0006", mark, "a second document starts here", "keep one document per file")
                        return root
                    continue
                case yaml.ScalarEvent() | yaml.AliasEvent():
                    node = self._leaf(event, mark)
                    self.actual += 1
                case yaml.SequenceStartEvent() | yaml.MappingStartEvent():
                    node = self._collection(event, mark)
                    self.actual += 1
                    if len(stack) >= MAX_DEPTH:
                        self._note("MG0008", mark, f"nested deeper than {MAX_DEPTH} levels", "flatten this part")
                        return None
                    stack.append((node, [None]))
                    continue
                case yaml.SequenceEndEvent() | yaml.MappingEndEvent():
                    node, _ = stack.pop()
                    node.open = False
                    node.last = event.start_mark.line + 1
                case _:
                    continue
            if stack:
                self._attach(*stack[-1], node, event)
            else:
                root = node
        if root is None or (root.entries is None and root.value is None and root.items is None):
            self._note("MG0005", Mark(self.text.file, 1, 1), "the file is empty", "write at least the required keys")
            return None
        return self._within_budget(root)

    def _within_budget(self, root: Node) -> Node | None:
        if self.aliased and (root.size > MAX_EXPANDED or root.size > MAX_FACTOR * self.actual):
            grown = f"aliases expand {self.actual:,} values to {min(root.size, 10**12):,}"
            self._note("MG0014", root.mark, grown, "use profiles or defaults to share settings")
            return None
        if self.aliased and self._depth(root) > MAX_DEPTH:
            self._note("MG0008", root.mark, f"aliases nest deeper than {MAX_DEPTH} levels", "use profiles instead")
            return None
        return root

    def _depth(self, node: Node) -> int:
        if (known := self.depths.get(id(node))) is not None:
            return known
        children = [child for _, child in node.entries.values()] if node.entries is not None else node.items or []
        self.depths[id(node)] = depth = 1 + max((self._depth(child) for child in children), default=0)
        return depth

    def _attach(self, parent: Node, pending: list[tuple[Mark, str | None] | None], node: Node, event: Any) -> None:
        """Put a finished node into its parent: an item, a key, or the value of the key before it."""
        if parent.items is not None:
            parent.items.append(node)
            parent.size += node.size
            parent.last = node.last
            return
        if pending[0] is None:
            pending[0] = (node.mark, self._key(node, event))
            return
        mark, key = pending[0]
        pending[0] = None
        entries = parent.entries if parent.entries is not None else {}
        if key is None:
            return
        if key in entries:
            first = Related(entries[key][0], "first given here")
            self._note("MG0009", mark, f"duplicate key {key!r}", "remove or rename one of the two", related=(first,))
            return
        entries[key] = (mark, node)
        parent.size += 1 + node.size

    def _key(self, node: Node, event: Any) -> str | None:
        """The name a key stands for, or None where it was refused."""
        if isinstance(event, yaml.AliasEvent) or node.items is not None or node.entries is not None:
            self._note("MG0010", node.mark, "a key must be plain text", "write the name itself")
        elif isinstance(node.value, str):
            if node.value != "<<" or event.style:
                return node.value
            self._note("MG0011", node.mark, "merge keys are not part of YAML 1.2", "use `profiles` to share settings")
        else:
            shown = "null" if node.value is None else str(node.value).lower()
            self._note("MG0010", node.mark, f"the key {shown} is not text", f'write it in quotes: "{shown}"')
        return None

    def _leaf(self, event: Any, mark: Mark) -> Node:
        if isinstance(event, yaml.AliasEvent):
            self.aliased = True
            name = str(event.anchor)  # pyright: ignore[reportUnknownArgumentType, reportUnknownMemberType] -- no stubs
            target = self.anchors.get(name)
            if target is None:
                self._note("MG0013", mark, f"no anchor &{name} stands before this", f"define &{name} first")
            elif target.open:
                self._note("MG0013", mark, f"&{name} would contain itself", "write the value out")
            else:
                return target
            return Node(mark, wrong=True, last=mark.line)
        node = Node(mark, self._scalar(event, mark), last=event.end_mark.line + 1)
        if event.tag is not None and not self._core(event.tag, node, ("str", "int", "float", "bool", "null")):
            node.wrong = True
        if event.anchor:
            self.anchors[event.anchor] = node
        return node

    def _scalar(self, event: Any, mark: Mark) -> Scalar:
        text = str(event.value)
        if event.tag is None:
            return text if event.style else read_scalar(text)  # plain text has no style
        kind = str(event.tag).removeprefix(_CORE)
        if kind not in ("int", "float", "bool", "null"):
            return text
        value = read_scalar(text)
        fits = {"int": type(value) is int, "float": isinstance(value, int | float) and not isinstance(value, bool)}
        if not fits.get(kind, isinstance(value, bool) if kind == "bool" else value is None):
            self._note("MG0012", mark, f"this is not a value of the tag !!{kind}", "remove the tag")
        return value

    def _collection(self, event: Any, mark: Mark) -> Node:
        mapping = isinstance(event, yaml.MappingStartEvent)
        node = Node(mark, entries={}, open=True) if mapping else Node(mark, items=[], open=True)
        node.last = mark.line
        if event.tag is not None and not self._core(event.tag, node, ("map",) if mapping else ("seq",)):
            node.wrong = True
        if event.anchor:
            self.anchors[event.anchor] = node
        return node

    def _core(self, tag: str, node: Node, kinds: tuple[str, ...]) -> bool:
        if tag == "!" or tag in {_CORE + kind for kind in kinds}:
            return True
        shown = tag.replace(_CORE, "!!", 1)
        self._note("MG0012", node.mark, f"the tag {shown[:60]} is not understood", "remove the tag; quote text instead")
        return False

    def _mark(self, event: Any) -> Mark:
        start, end = event.start_mark, event.end_mark
        ends_here = start.line == end.line
        return Mark(self.text.file, start.line + 1, start.column + 1, end.column + 1 if ends_here else 0)

    def _note(self, code: str, mark: Mark, message: str, hint: str, *, related: tuple[Related, ...] = ()) -> None:
        self.notes.append(found(code, mark, message, hint, related=related))
