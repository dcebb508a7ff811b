"""Plain data as YAML that reads the same everywhere: nested keys in blocks, leaves on one line, a comment beside each.

Only for output. Whatever another reader could take for something else than text is quoted.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final, TypeAlias, Union, cast

import msgspec

from gateway.config.scalars import read_scalar

Tree: TypeAlias = Mapping[str, Union["Tree", "Leaf"]]

# What YAML 1.1 takes for something else: words of truth, numbers in other bases or with colons, dates.
AMBIGUOUS: Final = re.compile(
    r"(?i)y|n|yes|no|on|off|true|false|null|~|[-+.]?[0-9][0-9a-fx_:.,+-]*([tT ].*)?|[-+]?\.(inf|nan)"
)
_BARE: Final = re.compile(r"[A-Za-z_/$.][A-Za-z0-9_/$.{}*-]*")


class Leaf(msgspec.Struct, frozen=True):
    """A value, and what a comment says of it."""

    value: Any
    note: str = ""


def to_yaml(tree: Tree, indent: int = 0) -> Iterator[str]:
    """Lines without their ends."""
    before = "  " * indent
    for key, each in tree.items():
        if isinstance(each, Leaf):
            text = f"{before}{flow(key)}: {flow(each.value)}"
            yield f"{text:<56}  # {each.note}" if each.note else text
        elif each:
            yield f"{before}{flow(key)}:"
            yield from to_yaml(each, indent + 1)
        else:
            yield f"{before}{flow(key)}: {{}}"


def to_plain(tree: Tree, *, notes: bool) -> dict[str, Any]:
    """JSON data; with notes, each leaf is `{"value": ..., "from": ...}`."""
    return {
        key: to_plain(each, notes=notes)
        if not isinstance(each, Leaf)
        else {"value": each.value, "from": each.note}
        if notes
        else each.value
        for key, each in tree.items()
    }


def flow(value: Any) -> str:
    match value:
        case str():
            bare = _BARE.fullmatch(value) and "${" not in value and not value.startswith((".", "{"))
            plain = bare and "{" not in value and "}" not in value and isinstance(read_scalar(value), str)
            return value if plain and not AMBIGUOUS.fullmatch(value) else msgspec.json.encode(value).decode()
        case list():
            return f"[{', '.join(map(flow, cast('list[Any]', value)))}]"
        case dict():
            entries = cast("dict[str, Any]", value).items()
            return f"{{{', '.join(f'{flow(key)}: {flow(each)}' for key, each in entries)}}}"
        case _:
            return msgspec.json.encode(value).decode()
