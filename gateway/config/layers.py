"""Layers on top of each other: maps merge, lists and scalars replace, and every leaf remembers who set it.

Works on plain trees, before anything is decoded, so that "not given" and "given as the default" stay apart.
"""

from collections.abc import Sequence
from typing import Any, Final, cast

import msgspec

from gateway.config.compiled import Origin
from gateway.config.located import Located, Where, copied
from gateway.config.model import Layer

LAYER_KEYS: Final = tuple(field.name for field in msgspec.structs.fields(Layer))


class LayerSource(msgspec.Struct, frozen=True):
    """One level: its name for people, and where it stands in which file."""

    name: str
    located: Located
    where: Where

    def settings(self) -> dict[str, Any]:
        tree: Any = self.located.tree
        for step in self.where:
            tree = tree[step]
        return {key: tree[key] for key in LAYER_KEYS if key in tree}


class Merged(msgspec.Struct, frozen=True):
    """The effective settings of some levels and, by dotted path, the origin of every leaf that any of them sets."""

    settings: dict[str, Any]
    origins: dict[str, Origin]


def merge(sources: Sequence[LayerSource], below: Merged | None = None) -> Merged:
    """The levels on top of each other, all of them over what is merged already; that stays as it is."""
    settings: dict[str, Any] = copied(below.settings) if below else {}
    origins = dict(below.origins) if below else {}
    for source in sources:
        _lay(settings, source.settings(), "", source, source.where, origins)
    return Merged(settings, origins)


def _lay(
    under: dict[str, Any],
    over: dict[str, Any],
    path: str,
    source: LayerSource,
    where: Where,
    origins: dict[str, Origin],
) -> None:
    for key, value in over.items():
        dotted = f"{path}{key}"
        place = (*where, key)
        if not isinstance(value, dict):
            _forget(origins, dotted)
            under[key] = value
            origins[dotted] = Origin(source.name, source.located.mark(*place))
            continue
        below = under.get(key)
        if not isinstance(below, dict):
            _forget(origins, dotted)
            below = under[key] = {}
        origins.pop(dotted, None)
        if not value and not below:
            origins[dotted] = Origin(source.name, source.located.mark(*place))
        _lay(cast("dict[str, Any]", below), cast("dict[str, Any]", value), f"{dotted}.", source, place, origins)


def _forget(origins: dict[str, Origin], dotted: str) -> None:
    """What is replaced was set by nobody."""
    for known in [each for each in origins if each == dotted or each.startswith(f"{dotted}.")]:
        del origins[known]
