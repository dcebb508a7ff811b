"""The words that the language is made of: names, labels, patterns, and a mapping that knows all of its keys."""

from typing import Annotated, Any, Final, TypeAlias

import msgspec
from msgspec import Meta

NAME_PATTERN: Final = r"^[a-z][a-z0-9_-]{0,62}$"

Name: TypeAlias = Annotated[str, Meta(pattern=NAME_PATTERN, description="Lower case, digits, - and _.")]

Labels: TypeAlias = Annotated[dict[str, Any], Meta(description="Free for your own use.")]

Plugged: TypeAlias = dict[Name, dict[str, Any]]


class Keys(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One mapping of the language: an unknown key is an error."""


Pattern: TypeAlias = Annotated[str, Meta(description="A literal, or a prefix ending in *.", min_length=1)]

Patterns: TypeAlias = Pattern | tuple[Pattern, ...]
