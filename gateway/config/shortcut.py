"""The short way to check a tenant's file: try it as the struct that the schema was made from.

Takes a twentieth of the time and finds out one thing only: that there is nothing to say. Whatever it does not know for
certain it leaves to the schema, so that what is found never depends on it.
"""

from typing import Any, Final

import msgspec

from gateway.config.catalog import GROUPS, Catalog, Group, section_of
from gateway.config.dialect import SECRET, components
from gateway.config.model import Hooking, TenantFile
from gateway.config.unit import decode_unit

_OURS: Final = "gateway."  # others' options may be of types that a struct takes in more forms than its schema says
_TIMED: Final = frozenset(Hooking.__struct_fields__)
_COMMON: Final[dict[str, type[Any]]] = {"type": str, "labels": dict}


class Shortcut:
    """Knows the options of plugins that hold no secret: a secret has a place to be told and hidden."""

    def __init__(self, catalog: Catalog) -> None:
        self._options: dict[tuple[Group, str], type[msgspec.Struct]] = {
            (group, name): plugin.Options
            for group in GROUPS
            for name, plugin in catalog.of(group).items()
            if plugin.__module__.startswith(_OURS) and _is_plain(plugin.Options)
        }

    def convert(self, tree: Any) -> TenantFile | None:
        """The struct of a tree about which the schema has nothing to say; None if it might have."""
        try:
            written = msgspec.convert(tree, TenantFile, dec_hook=decode_unit)
            plain = all(
                self._fits(group, entry)
                for group in GROUPS
                for entry in getattr(written, section_of(group, written.tenant), {}).values()
            )
        except (msgspec.ValidationError, NotImplementedError):
            return None
        return written if plain else None

    def _fits(self, group: Group, entry: dict[str, Any]) -> bool:
        common = _COMMON | ({"embedder": str, "required": bool} if group == "providers" else {})
        if not all(isinstance(entry[key], common[key]) for key in common if key in entry):
            return False
        if "guard" in entry or (group == "hooks" and not _TIMED.isdisjoint(entry)):
            return False
        options = self._options.get((group, entry.get("type", "")))
        if options is None:
            return False
        own = {key: value for key, value in entry.items() if key not in common}
        msgspec.convert(own, options, dec_hook=decode_unit)
        return True


def _is_plain(options: type[msgspec.Struct]) -> bool:
    return options.__struct_config__.forbid_unknown_fields and SECRET not in str(components([options]))
