"""The shapes that files are held against, for a catalogue of plugins: made of types alone, so made once in a process.

Remembers the few that it made last. Nothing in them changes, and nothing of any file is in them.
"""

from functools import lru_cache
from typing import Any, TypeAlias

import msgspec

from gateway.config.catalog import GROUPS, Catalog, Group
from gateway.config.schema import build_schema
from gateway.config.shortcut import Shortcut
from gateway.config.stores import schemes_of
from gateway.config.structure import Shape

_Plugins: TypeAlias = tuple[tuple[Group, str, type[Any]], ...]


class Shapes(msgspec.Struct, frozen=True):
    gateway: Shape
    tenant: Shape


def shapes_of(catalog: Catalog) -> Shapes:
    return _made(tuple((group, name, plugin) for group in GROUPS for name, plugin in catalog.of(group).items()))


@lru_cache(4)
def _made(plugins: _Plugins) -> Shapes:
    groups: dict[str, dict[str, type[Any]]] = {group: {} for group in GROUPS}
    for group, name, plugin in plugins:
        groups[group][name] = plugin
    catalog = msgspec.structs.replace(Catalog(), **groups)
    schemes = schemes_of(catalog)
    return Shapes(
        gateway=Shape(build_schema("gateway", catalog), schemes=schemes),
        tenant=Shape(build_schema("tenant", catalog), Shortcut(catalog), schemes),
    )
